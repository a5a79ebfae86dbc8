"""`nightshift webhooks list` and `show`: what came, and what became of it."""

import argparse
import json
import shlex
from typing import Any

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.client.named import tell_missing
from nightshift.cli.queries.webhook_events import EventRow, find_events
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.formatting import brief, format_instant
from nightshift.cli.terminal.table import Column
from nightshift.messaging import claim_check
from nightshift.messaging.claim_check import InvalidClaimError

_STYLES = {"done": "ok", "stale": "ok", "refreshing": "warning", "dead": "wrong"}
_COLUMNS = (
    Column("RECEIVED", lambda row: format_instant(row.received_at)),
    Column("SOURCE", lambda row: row.source),
    Column("EVENT", lambda row: row.event_id),
    Column("TYPE", lambda row: row.type),
    Column("OUTCOME", lambda row: row.outcome, style=lambda row: _STYLES.get(row.outcome, "")),
    Column("ABOUT", lambda row: row.object_id or ""),
    Column("REASON", lambda row: brief(row.reason or "", 80), words=True),
)


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event and, if it is still kept, the message that it came as."""

    event: EventRow
    message: msgspec.Raw | None


async def list_events(context: Context, options: argparse.Namespace) -> int:
    """List events, the newest last."""
    rows = await find_events(context, options, limit=max(0, options.limit))
    context.output.rows(rows, _COLUMNS, none="No event matches.")
    return DONE


async def show(context: Context, options: argparse.Namespace) -> int:
    """Show events in full."""
    rows = await find_events(context, options, which=options.which)
    shown = [Shown(event=row, message=await _message(context, row)) for row in rows]
    if context.output.as_json:
        context.output.json(shown)
    missing = tell_missing(context.output, options.which, set[str]().union(*(row.names for row in rows)), "event")
    if missing:
        context.output.note("One that waits has no row yet:")
        for name in missing:
            context.output.note(f"  nightshift jobs find {shlex.quote(name.replace('/', '-', 1))}")
    for one in [] if context.output.as_json else shown:
        _tell(context, one)
    return ANSWER_IS_NO if missing else DONE


async def _message(context: Context, row: EventRow) -> msgspec.Raw | None:
    objects = context.objects()
    if row.body_key is None or objects is None:
        return None
    try:
        return msgspec.Raw(await claim_check.fetch(objects, row.body_key))
    except InvalidClaimError:  # its time is over
        return None


def _tell(context: Context, shown: Shown) -> None:
    event = shown.event
    context.output.line(event.name, "bold")
    facts = {
        "type": event.type,
        "outcome": event.outcome,
        "reason": event.reason,
        "about": event.object_id,
        "delivery": event.delivery_id,
        "occurred": format_instant(event.occurred_at),
        "received": format_instant(event.received_at),
        "handled": format_instant(event.handled_at),
        "job id": event.job_id,
    }
    context.output.facts({name: value for name, value in facts.items() if value})
    context.output.line(_body(shown))
    context.output.line("")


def _body(shown: Shown) -> str:
    if shown.message is None:
        return "its body is not kept any more" if shown.event.body_key else "its body was not kept"
    message: dict[str, Any] = msgspec.json.decode(shown.message)
    if message.get("bodyBase64"):
        return f"body in base64: {message['bodyBase64']}"
    text = str(message.get("body", ""))
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
