"""A worker that is told to stop finishes what it holds, hands the rest back at once, and is gone."""

import asyncio
from datetime import timedelta

import pytest

from nightshift.broker.jetstream import store
from nightshift.messaging.job import Job
from nightshift.worker.policies import Policies
from tests.harness import FollowProbe, RunProbe, count, eventually
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import GOOD, record


class Gate:
    """A handler that waits at a gate; `attempts` notes who has come."""

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.open = asyncio.Event()

    async def __call__(self, message: RunProbe, job: Job) -> None:
        """Waits, then records."""
        self.attempts.append(job.attempt)
        job.enqueue(FollowProbe(name="after"))
        await self.open.wait()
        await record(message, job)


async def nothing(_: FollowProbe, _job: Job) -> None:
    """Does nothing."""


async def test_jobs_in_hand_finish_within_the_grace_period(work: Work) -> None:
    """They are done and acknowledged when `drain` returns; nothing new is pulled meanwhile."""
    gate = Gate()
    async with work({RunProbe: gate, FollowProbe: nothing}) as harness:
        await harness.publisher.publish_many([RunProbe(name="a"), RunProbe(name="b")])
        await eventually(lambda: len(gate.attempts) == 2)
        draining = asyncio.create_task(harness.parts.worker.drain(10))
        await eventually(lambda: not any(pull.open for pull in harness.parts.pulls))
        await harness.publisher.publish(RunProbe(name="too late"))
        gate.open.set()
        await draining
        assert harness.outcomes() == {"done": 2}
        assert await harness.effects() == ["a", "b"]

        async def left() -> bool:  # the broker takes acknowledgements beside its other work
            stored = await harness.stored("PROBE", "jobs.probe.run")
            return [message.body for message in stored] == [b'{"name":"too late","number":0}']

        await eventually(left)


@pytest.mark.parametrize("base", [0, 2])
async def test_what_does_not_finish_is_handed_back_at_once_without_an_attempt(work: Work, base: int) -> None:
    """It is due immediately, with as many attempts as before, and its effects and follow-ups are not there."""
    gate = Gate()
    async with work({RunProbe: gate}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "one", "Job-Attempt-Base": str(base)}, GOOD)
        await eventually(lambda: gate.attempts)
        await harness.parts.worker.drain(0)
        assert harness.outcomes() == {"handed-back": 1}
        assert harness.parts.worker.in_flight == 0
        assert await harness.outbox() == []
        assert await count(harness.connection, "PROBE") == 0
        gate.open.set()
        async with work({RunProbe: gate, FollowProbe: nothing}, fresh=False) as second:
            await second.empty()
            assert second.outcomes() == {"done": 1}
        assert gate.attempts == [base + 1, base + 1]


async def test_jobs_that_wait_for_a_slot_are_handed_back_before_the_grace_period(work: Work) -> None:
    """They need not wait for those that run."""
    gate = Gate()
    async with work({RunProbe: gate, FollowProbe: nothing}, slots=1) as harness:
        await harness.publisher.publish(RunProbe(name="running"), job_id="running")
        await eventually(lambda: gate.attempts)
        await harness.publisher.publish_later(RunProbe(name="waiting"), job_id="waiting", delay=timedelta())
        await eventually(lambda: harness.parts.worker.in_flight == 2, what="one runs, one waits")
        draining = asyncio.create_task(harness.parts.worker.drain(10))
        await eventually(lambda: harness.parts.worker.in_flight == 1)
        gate.open.set()
        async with work({RunProbe: gate, FollowProbe: nothing}, slots=1, fresh=False) as second:
            await eventually(second.effects)
            await draining
            await second.empty()
            assert await second.effects() == ["running", "waiting"]
        assert gate.attempts == [1, 1]


async def test_a_handler_that_will_not_end_does_not_hold_up_the_end(work: Work) -> None:
    """One that swallows every cancellation is left behind; the broker delivers its job again."""
    release, began = asyncio.Event(), asyncio.Event()

    async def run_probe(_: RunProbe, _job: Job) -> None:
        began.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with work({RunProbe: run_probe}, policies=Policies(settling_seconds=0.1)) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await began.wait()
        try:
            async with asyncio.timeout(5):
                await harness.parts.worker.drain(0)
            assert await count(harness.connection, "PROBE") == 1
        finally:
            release.set()
        await eventually(lambda: harness.parts.worker.in_flight == 0)


async def test_a_drained_worker_leaves_nothing_behind(work: Work) -> None:
    """No task of it runs on, and the broker has no open request of it."""
    before = asyncio.all_tasks()
    async with work({RunProbe: record}) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await harness.empty()
        await harness.parts.worker.drain(1)
        await harness.publisher.publish(RunProbe(name="b"))
        assert await count(harness.connection, "PROBE") == 1
    await eventually(lambda: asyncio.all_tasks() <= before, what="all tasks have ended")
