"""How queues look in a table."""

from datetime import UTC, datetime

from nightshift.cli.queries.queue_stats import Figures
from nightshift.cli.terminal.formatting import instant, number, span
from nightshift.cli.terminal.output import Column

FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
"""A pause without an end: the broker wants one."""
HEADS = (
    "WAITING to be done now; RUNNING: a worker has them; RETRY: between two attempts; LATER: scheduled; EVENTS of\n"
    "schedules not yet seen; DEAD letters; OLDEST: age of the oldest job to be done now; IN and OUT: jobs a second."
)


def columns(now: datetime) -> tuple[Column, ...]:
    """The columns of the list."""
    return (
        Column("QUEUE", lambda row: row.service),
        Column("WAITING", lambda row: number(row.waiting), right=True),
        Column("RUNNING", lambda row: number(row.in_flight), right=True),
        Column("RETRY", lambda row: number(row.retrying), right=True),
        Column(
            "LATER", lambda row: number(row.scheduled) if row.scheduled is not None else f"≤{row.later:,}", right=True
        ),
        Column("EVENTS", lambda row: number(row.events), right=True),
        Column("DEAD", lambda row: number(row.dead), right=True, style=lambda row: "dead" if row.dead else ""),
        Column("OLDEST", lambda row: span(now - row.oldest) if row.oldest else "", right=True),
        Column(
            "IN/S", lambda row: "" if row.per_second_in is None else number(row.per_second_in, digits=1), right=True
        ),
        Column(
            "OUT/S", lambda row: "" if row.per_second_out is None else number(row.per_second_out, digits=1), right=True
        ),
        Column(
            "WORKERS", lambda row: number(row.workers), right=True, style=lambda row: "" if row.workers else "wrong"
        ),
        Column("", _state, style=lambda row: "paused" if row.paused else ""),
    )


def _state(row: Figures) -> str:
    if not row.paused:
        return ""
    return (
        "paused"
        if row.paused_until is None or row.paused_until >= FOREVER
        else f"paused until {instant(row.paused_until)}"
    )
