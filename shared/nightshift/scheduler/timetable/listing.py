"""The timetable as a table or as JSON, with the next due times."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from nightshift.scheduler.cron.due_times import next_due
from nightshift.scheduler.cron.schedule import Schedule


class Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One schedule, as `--list --json` shows it."""

    name: str
    schedule: str
    time_zone: str
    misfire: str
    next_due: tuple[datetime, ...]


def listing(timetable: Iterable[Schedule], now: datetime, count: int = 3) -> list[Listed]:
    """Return the schedules with their next `count` due times (UTC), the soonest first."""
    return sorted(
        (_listed(schedule, now, count) for schedule in timetable), key=lambda row: (row.next_due[:1], row.name)
    )


def as_json(rows: Sequence[Listed]) -> str:
    """Format the list as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode()


def as_table(rows: Sequence[Listed]) -> str:
    """Format the list as a table with aligned columns."""
    heads = ("NAME", "SCHEDULE", "TIME ZONE", "MISFIRE", "NEXT DUE (UTC)")
    cells = [heads, *((row.name, row.schedule, row.time_zone, row.misfire, _times(row.next_due)) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _listed(schedule: Schedule, now: datetime, count: int) -> Listed:
    due: list[datetime] = []
    while len(due) < count and (found := next_due(schedule, due[-1] if due else now)) is not None:
        due.append(found)
    return Listed(
        name=schedule.name,
        schedule=schedule.expression.text,
        time_zone=schedule.time_zone,
        misfire=schedule.misfire,
        next_due=tuple(due),
    )


def _times(due: Sequence[datetime]) -> str:
    return ", ".join(f"{instant:%Y-%m-%d %H:%M:%S}" for instant in due) or "never"
