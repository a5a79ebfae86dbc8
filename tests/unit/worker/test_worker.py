"""Who is next among those that wait: a job that may kill the process comes after the others, and alone."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from nightshift.heartbeat import Heartbeat
from nightshift.messaging.job import Job
from nightshift.worker.in_flight import ISOLATE_AFTER, InFlightJob
from nightshift.worker.worker import Worker
from tests.harness import cancelled


def _worker(*unaccounted_deliveries: int) -> tuple[Worker, list[InFlightJob]]:
    nobody: Any = SimpleNamespace(endings=SimpleNamespace())
    worker = Worker(nobody, nobody, slots=10)
    jobs = [
        InFlightJob(cast("Any", None), Job("probe", "probe.run", "one", "one"), unaccounted_deliveries=count)
        for count in unaccounted_deliveries
    ]
    worker._waiting.extend(jobs)
    worker._suspects.update(job for job in jobs if job.must_run_alone)
    return worker, jobs


def test_the_others_go_before_a_suspect_that_came_first() -> None:
    """What waits beside a job that kills the process would die with it."""
    worker, (suspect, first, second) = _worker(ISOLATE_AFTER, 1, 2)
    assert [worker._next(), worker._next()] == [first, second]
    assert worker._next() is suspect


def test_a_suspect_waits_until_nobody_runs() -> None:
    """It runs alone."""
    worker, (other, suspect) = _worker(1, ISOLATE_AFTER)
    worker.running.add(other)
    assert worker._next() is other
    assert worker._next() is None
    worker.running.clear()
    assert worker._next() is suspect


def test_of_several_suspects_any_may_be_next() -> None:
    """Were it always the same, the innocent behind it would die with it every time."""
    first = {id(jobs[0]) == id(worker._next()) for worker, jobs in (_worker(3, 3) for _ in range(100))}
    assert first == {True, False}


def test_without_suspects_the_first_that_came_is_next() -> None:
    """In order of arrival, at no cost."""
    worker, jobs = _worker(1, 1, 2)
    assert [worker._next() for _ in jobs] == jobs


async def test_the_ticks_promise_each_other() -> None:
    """Without them no job is in time, and no progress is reported: a minute without one is found."""
    now = 0.0
    heartbeat = Heartbeat(lambda: now)
    worker, _ = _worker()
    ticking = asyncio.create_task(worker.tick(heartbeat))
    await asyncio.sleep(0)
    now += 60
    assert heartbeat.silence() == 60
    await cancelled(ticking)
