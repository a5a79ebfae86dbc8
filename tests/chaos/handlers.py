"""The handlers of the service `chaos`: each kind of job succeeds, fails, waits or kills in its own way."""

import asyncio
import os
import time
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift import Job, Permanent, ScheduleFired, Service, Skip, Snooze
from tests.chaos.fault_points import KILLER_CODE, note
from tests.chaos.messages import FollowChaos, Kind, RunChaos, TickChaos
from tests.chaos.tables import effects

_EFFECT = insert(effects)
_OF_JOB = select(func.count()).select_from(effects).where(effects.c.job_id == bindparam("job_id"))
_LONG = "x" * 200_000
_SNOOZE = timedelta(seconds=1)


def service(folder: Path, *, block_seconds: float) -> Service:
    """All handlers; `folder` is where they leave marks, `block_seconds` how long a blocker blocks."""
    chaos = Service("chaos")
    chaos.handler(partial(run_chaos, folder=folder, block_seconds=block_seconds))
    chaos.handler(follow_chaos)
    chaos.handler(tick_chaos)
    chaos.event("chaos.tick")(enqueue_tick)
    chaos.event("chaos.moved")(enqueue_tick)
    return chaos


async def run_chaos(message: RunChaos, job: Job, *, folder: Path, block_seconds: float) -> None:
    """Do what the kind says; most leave one effect, and a parent its follow-ups."""
    await _behave(message.kind, job, folder, block_seconds)
    _leave(job, message.kind)
    match message.kind:
        case "decider":
            job.run_in_transaction(partial(_decide, message, job))
        case "spoiler" if job.attempt == 1:
            job.run_in_transaction(_spoil)
        case _:
            _follow(message, job)


def _follow(message: RunChaos, job: Job) -> None:
    padding = _LONG if message.kind == "broad" else ""
    later = timedelta(seconds=1 + zlib.crc32(job.id.encode()) % 3)
    for number in range(message.follow_ups):
        at = datetime.now(UTC) + later if number % 3 == 2 else None
        job.enqueue(FollowChaos(parent=job.id, padding=padding), at=at)


async def _decide(message: RunChaos, job: Job, connection: AsyncConnection) -> None:
    """Decide within the transaction what follows; it runs again when another job spoils the group."""
    if (await connection.execute(_OF_JOB, {"job_id": job.id})).scalar_one() == 1:
        _follow(message, job)


async def _spoil(_connection: AsyncConnection) -> None:
    """Fail in the transaction of all that finish together."""
    raise RuntimeError("it spoils its group, once")


async def follow_chaos(_message: FollowChaos, job: Job) -> None:
    """Leaves one effect; every fifth fails once."""
    if zlib.crc32(job.id.encode()) % 5 == 0 and job.attempt == 1:
        raise RuntimeError("the first attempt fails")
    _leave(job, "follow")


async def tick_chaos(_message: TickChaos, job: Job) -> None:
    """Leaves one effect."""
    _leave(job, "tick")


async def enqueue_tick(event: ScheduleFired, job: Job) -> None:
    """Turns an event into a job."""
    due = event.due.astimezone(UTC).isoformat()
    job.enqueue(TickChaos(due=due), job_id=f"{event.name}@{due}")


async def _behave(kind: Kind, job: Job, folder: Path, block_seconds: float) -> None:
    draw = zlib.crc32(job.id.encode())
    match kind:
        case "flaky" if job.attempt <= draw % 3 + 1:
            raise RuntimeError(f"attempt {job.attempt} fails")
        case "hopeless":
            raise RuntimeError("it always fails")
        case "permanent":
            raise Permanent("nothing will ever help")
        case "skip":
            raise Skip
        case "snooze" if _first_time(folder, job):
            raise Snooze(_SNOOZE, "not yet")
        case "slow":
            await asyncio.sleep(0.5 + draw % 20 / 10)
        case _:
            await _do_harm(kind, job, folder, block_seconds)


async def _do_harm(kind: Kind, job: Job, folder: Path, block_seconds: float) -> None:
    match kind:
        case "hang":
            await asyncio.Event().wait()
        case "blocker" if _first_time(folder, job):
            note("blocked")
            time.sleep(block_seconds)  # noqa: ASYNC251 - blocking the event loop is what it is for
        case "killer":
            note("killer job")
            os._exit(KILLER_CODE)


def _leave(job: Job, kind: str) -> None:
    at = datetime.now(UTC).isoformat()
    values = {"type": job.type, "job_id": job.id, "kind": kind, "attempt": job.attempt, "worker": os.getpid()}
    job.write(_EFFECT, {**values, "at": at})


def _first_time(folder: Path, job: Job) -> bool:
    """Whether no worker has asked this about the job before."""
    try:
        (folder / f"seen-{job.key}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
