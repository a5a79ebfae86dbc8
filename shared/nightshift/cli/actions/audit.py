"""`nightshift audit`: what people did."""

import argparse

from nightshift.cli.client.context import Context
from nightshift.cli.queries.audit import ActionFilter, RecordedAction, recorded_actions
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.cli.terminal.formatting import brief, format_instant, format_number
from nightshift.cli.terminal.table import Column

_STYLES = {"failed": "wrong", "stopped": "warning", "open": "warning"}


def _result(row: RecordedAction) -> str:
    count = "" if row.count is None else f" {format_number(row.count)}"
    return f"{row.result}{count}{', recorded late' if row.late else ''}"


_COLUMNS = (
    Column("AT (UTC)", lambda row: format_instant(row.at)),
    Column("WHO", lambda row: brief(row.who, 60)),
    Column("BY", lambda row: row.part, spare=3),
    Column("ACTION", lambda row: row.action, spare=2),
    Column("WHAT", lambda row: brief(row.what, 160), words=True),
    Column("WHY", lambda row: brief(row.reason, 160), words=True, spare=1),
    Column("RESULT", _result, style=lambda row: _STYLES.get(row.result, "")),
    Column("ERROR", lambda row: brief(row.error, 160), words=True, spare=1),
)


async def list_actions(context: Context, options: argparse.Namespace) -> int:
    """List what people did, the newest last."""
    wanted = ActionFilter(
        who=options.who or "",
        action=options.action or "",
        on=options.on or "",
        since=None if options.since is None else context.now - options.since,
    )
    rows = list[RecordedAction]()
    async for row in recorded_actions(await context.connection(), wanted):
        if (wanted.since and row.at < wanted.since) or (options.limit and len(rows) == options.limit):
            break
        rows.append(row)
    context.output.rows(rows[::-1], _COLUMNS, none="Nothing is recorded.")
    if options.limit and len(rows) == options.limit:
        context.output.note(f"The newest {options.limit} are shown; --limit 0 shows all.")
    return DONE
