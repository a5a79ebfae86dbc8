"""The table of queues."""

from datetime import UTC, datetime

from nightshift.cli.queries.queue_stats import QueueStats
from nightshift.cli.terminal.formatting import format_instant, format_number, format_span
from nightshift.cli.terminal.table import Column

FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
"""The end of a pause without an end, because the broker needs one."""


def columns(now: datetime) -> tuple[Column, ...]:
    """Return the columns of the list."""
    return (
        Column("QUEUE", lambda row: row.service),
        Column("WAITING", lambda row: format_number(row.waiting), right=True),
        Column("RUNNING", lambda row: format_number(row.in_flight), right=True),
        Column("RETRY", lambda row: format_number(row.retrying), right=True),
        Column(
            "LATER",
            lambda row: format_number(row.scheduled) if row.scheduled is not None else f"≤{row.later:,}",
            right=True,
            spare=2,
        ),
        Column("EVENTS", lambda row: format_number(row.events), right=True, spare=5),
        Column("DEAD", lambda row: format_number(row.dead), right=True, style=lambda row: "dead" if row.dead else ""),
        Column("OLDEST", lambda row: format_span(now - row.oldest) if row.oldest else "", right=True, spare=1),
        Column(
            "IN/S",
            lambda row: "" if row.per_second_in is None else format_number(row.per_second_in, digits=1),
            right=True,
            spare=4,
        ),
        Column(
            "OUT/S",
            lambda row: "" if row.per_second_out is None else format_number(row.per_second_out, digits=1),
            right=True,
            spare=3,
        ),
        Column(
            "WORKERS",
            lambda row: format_number(row.workers),
            right=True,
            style=lambda row: "" if row.workers else "wrong",
        ),
        Column("", _state, style=lambda row: "paused" if row.paused else ""),
    )


def _state(row: QueueStats) -> str:
    if not row.paused:
        return ""
    return (
        "paused"
        if row.paused_until is None or row.paused_until >= FOREVER
        else f"paused until {format_instant(row.paused_until)}"
    )
