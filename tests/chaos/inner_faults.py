"""Faults inside of a worker, and a watch on what it must never do; both are put around the product's calls.

Some faults no server of a run can be made to have: an object store that refuses, a database that is unavailable just
when a nak is recorded. And some broken promises leave no trace in any stream or table: what is seen here is written to
a file that the run reads at its end.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightshift.broker.delivery import Delivery
from nightshift.contract.wire import safe_token
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStoreRefusedError
from nightshift.objects.s3 import S3ObjectStore
from nightshift.outcomes import Unavailable
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import Ack, Verdict

REFUSED_OBJECTS, BREACHES = "refuse-objects", "breaches.txt"
"""While the first file exists, the object store refuses what workers want kept; the second has a line per breach."""
_MARKS = "marks"
_LOST_NAKS = 0.7
"""So many naks cannot be recorded: the more that are lost, the sooner a job looks like one that kills its worker."""


def arm(folder: Path, *, seed: str) -> None:
    """Put them in place for the life of this process."""
    (folder / _MARKS).mkdir(exist_ok=True)
    _refuse_objects(folder / REFUSED_OBJECTS)
    _lose_naks(random.Random(f"{seed}/{os.getpid()}"))  # noqa: S311 - no secret
    _watch_commits(folder)
    _watch_marks(folder)


def report(folder: Path, what: str) -> None:
    """Write a line that survives the end of the process."""
    file = os.open(folder / BREACHES, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{what}\n".encode())
    os.close(file)


def _refuse_objects(flag: Path) -> None:
    put = S3ObjectStore.put
    refuses = flag.exists

    async def put_unless_refused(self: S3ObjectStore, key: str, data: bytes, content_type: str) -> None:
        if refuses():
            raise ObjectStoreRefusedError("the quota is used up (a fault)")
        await put(self, key, data, content_type)

    _replace(S3ObjectStore, "put", put_unless_refused)


def _lose_naks(dice: random.Random) -> None:
    record_nak = CrashLoopGuard.record_nak

    async def record_or_not(self: CrashLoopGuard, delivery: Delivery) -> None:
        if dice.random() < _LOST_NAKS:
            raise Unavailable("database", "it is unavailable for this nak (a fault)")
        await record_nak(self, delivery)

    _replace(CrashLoopGuard, "record_nak", record_or_not)


def _watch_commits(folder: Path) -> None:
    """A committed job can only be acknowledged."""
    commit, settle, acknowledge = Committer.commit_all, Settler.settle, Settler.acknowledge
    committed: dict[int, Job] = {}

    async def commit_and_note(self: Committer, jobs: Sequence[Job]) -> Sequence[bool | Exception]:
        results = await commit(self, jobs)
        committed.update({id(job): job for job, result in zip(jobs, results, strict=True) if result is True})
        return results

    def acknowledge_and_look(self: Settler, group: Sequence[InFlightJob]) -> None:
        for in_flight in group:
            committed.pop(id(in_flight.job), None)
        acknowledge(self, group)

    async def settle_and_look(self: Settler, in_flight: InFlightJob, verdict: Verdict) -> Verdict:
        job = committed.pop(id(in_flight.job), None)
        if job is not None and not isinstance(verdict, Ack):
            report(folder, f"{job.type} {job.id} was committed, and failed: {verdict.outcome}: {verdict.error}")
        return await settle(self, in_flight, verdict)

    _replace(Committer, "commit_all", commit_and_note)
    _replace(Settler, "settle", settle_and_look)
    _replace(Settler, "acknowledge", acknowledge_and_look)


def _watch_marks(folder: Path) -> None:
    """A job whose last permitted delivery ended in good order is no crash loop.

    Of a delivery that was never started, because a component was away, a nak says nothing about the start before it.
    """
    mark, nak = CrashLoopGuard.mark_started, Delivery.nak
    begun: dict[str, int] = {}

    async def mark_and_look(self: CrashLoopGuard, delivery: Delivery) -> bool:
        file = folder / _MARKS / safe_token(delivery.origin())
        started = await mark(self, delivery)
        if not started and file.exists() and file.read_text() == "ended":
            report(folder, f"{delivery.subject} {delivery.origin()} is a crash loop, although its last start has ended")
        if started:
            begun[delivery.origin()] = delivery.delivered
            file.write_text("started")
        return started

    def nak_and_note(self: Delivery, delay: Any) -> None:
        if begun.get(self.origin()) == self.delivered:
            (folder / _MARKS / safe_token(self.origin())).write_text("ended")
        nak(self, delay)

    _replace(CrashLoopGuard, "mark_started", mark_and_look)
    _replace(Delivery, "nak", nak_and_note)


def _replace(owner: type, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement)
