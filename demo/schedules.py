"""Schedules: the three that ship, made due now, fire once each although two schedulers run."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec

from demo import cleanups
from demo.runner import Stage
from nightshift.broker.direct_get import read_all
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.wire import MANUAL

TIMETABLE = "schedules.toml"
NAMES = ("cleanup.daily", "sync.all", "report.weekly")


AHEAD_SECONDS = 8
"""Time for two schedulers to start."""


def write_timetable(path: Path, now: datetime) -> datetime:
    """Write the settings file that makes the three schedules due a little after now; return that time."""
    due = (now + timedelta(seconds=AHEAD_SECONDS)).replace(microsecond=0)
    expression = f"{due.second} {due.minute} {due.hour} {due.day} {due.month} *"
    entries = [f'[[schedules]]\nname = "{name}"\nschedule = "{expression}"\n' for name in NAMES]
    path.write_text("\n".join(entries), encoding="utf-8")
    return due


async def play(stage: Stage) -> datetime:
    """Start two schedulers, wait for the due time and count the events; return the due time."""
    due = write_timetable(stage.stack.folder / TIMETABLE, datetime.now(UTC))
    await asyncio.gather(*(scheduler.start() for scheduler in stage.schedulers))
    stage.begin("schedules", f"cleanup.daily, sync.all and report.weekly, due at {due:%H:%M:%S} UTC, two schedulers")

    async def all_fired() -> bool:
        return len(await _events(stage)) >= len(NAMES)

    await stage.expect("all three fire", all_fired, where="stream CRON")
    counted = Counter(event.name for event in await _events(stage))
    for name in NAMES:
        await stage.expect(f"cron.{name} has one event", partial(_is_one, counted[name]), where="stream CRON")
    late = max((event.announced - event.due for event in await _events(stage)), default=timedelta.max)
    stage.note(f"the latest was announced {late.total_seconds() * 1000:.0f} ms after its due time")
    return due


async def led_to_cleanups(stage: Stage, due: datetime) -> None:
    """Check that the event of the nightly cleanup became jobs, and that they ran."""
    stage.scene = "schedules"
    await stage.expect(
        "cleanup.daily led to five cleanups", partial(cleanups.runs_of, stage, due), where="table cleanup_runs"
    )


def _is_one(count: int) -> bool:
    return count == 1


async def _events(stage: Stage) -> list[ScheduleFired]:
    """Return the events of the schedulers, without those published by hand."""
    events = await read_all(stage.connection, "CRON")
    return [
        msgspec.json.decode(event.body, type=ScheduleFired) for event in events if not event.subject.endswith(MANUAL)
    ]
