"""The other things that a handler may say, and what comes of handlers that take too long."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip, Snooze
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import route
from tests.harness import RECORD, FollowProbe, RunProbe, eventually
from tests.integration.worker.conftest import Work


async def test_permanent_is_a_dead_letter_at_once(work: Work) -> None:
    """Trying again cannot help: the text is the reason, and nothing that the attempt wanted is there."""

    async def run_probe(message: RunProbe, job: Job) -> None:
        job.write(RECORD, {"action": message.name})
        job.enqueue(FollowProbe(name="after"))
        raise Permanent("the mailbox does not exist")

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert letter.headers["Dead-Reason"] == "permanent"
        assert letter.headers["Dead-Error"] == "the mailbox does not exist"
        assert letter.headers["Dead-Attempts"] == "1"
        assert letter.headers["Dead-Subject"] == "jobs.probe.run"
        assert await harness.effects() == []
        assert await harness.inbox() == []
        assert await harness.outbox() == []
        assert harness.outcomes() == {"dead": 1}


async def test_snooze_counts_no_attempt(work: Work) -> None:
    """A job that is snoozed more often than it may fail is still at its first attempt; nothing of it is committed."""
    attempts: list[int] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        attempts.append(job.attempt)
        job.write(RECORD, {"action": message.name})
        if len(attempts) <= 5:
            raise Snooze(timedelta(milliseconds=20), "not yet")

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await harness.empty()
        assert attempts == [1] * 6
        assert harness.outcomes() == {"snooze": 5, "done": 1}
        assert await harness.effects() == ["a"]


async def test_a_snoozed_job_comes_back_after_the_delay_it_named(work: Work) -> None:
    """The handler, which knows the other side's `Retry-After`, decides how long."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        raise Snooze(timedelta(minutes=7), f"{job.id} waits")

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await eventually(lambda: harness.outcomes() == {"snooze": 1})
        (waiting,) = await harness.stored("PROBE_LATER")
        due = datetime.fromisoformat(waiting.headers["Nats-Schedule"].removeprefix("@at "))
        assert timedelta(minutes=6) < due - datetime.now(UTC) < timedelta(minutes=7)
        assert waiting.headers["Job-Attempt-Base"] == "0"


async def test_skip_is_done_without_effects(work: Work) -> None:
    """There is nothing to do any more: an inbox row, so that no duplicate asks again, and nothing else."""
    ran: list[str] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        ran.append(job.id)
        job.write(RECORD, {"action": message.name})
        job.enqueue(FollowProbe(name="after"))
        raise Skip("the user has unsubscribed")

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one", headers={})
        await harness.publisher.publish_later(RunProbe(name="a"), job_id="one", delay=timedelta())
        await harness.empty()
        assert ran == ["one"]
        assert harness.outcomes() == {"skipped": 1, "duplicate": 1}
        assert await harness.inbox() == [("probe.run", "one")]
        assert await harness.effects() == []
        assert await harness.outbox() == []
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.usefixtures("soon")
async def test_a_handler_that_takes_too_long_is_cancelled_and_has_failed(work: Work) -> None:
    """Its attempts count, its reason names the limit, and its neighbours in the same worker notice nothing."""
    cancelled = asyncio.Event()

    async def slow(message: RunProbe, job: Job) -> None:
        job.write(RECORD, {"action": message.name})
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def neighbour(message: FollowProbe, job: Job) -> None:
        await cancelled.wait()
        job.write(RECORD, {"action": message.name})

    table = {RunProbe: route(RunProbe, slow, timeout_seconds=0.1), FollowProbe: neighbour}
    async with work(table, limits=JobLimits(1, 30.0)) as harness:
        await harness.publisher.publish(FollowProbe(name="neighbour"))
        await harness.publisher.publish(RunProbe(name="slow"))
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert letter.headers["Dead-Reason"] == "attempts-exhausted"
        assert letter.headers["Dead-Error"] == "the handler took longer than 0.1 s and was cancelled"
        assert letter.headers["Dead-Attempts"] == "2"
        assert await harness.effects() == ["neighbour"]
        assert harness.outcomes("probe.follow") == {"done": 1}


async def test_a_handler_that_returns_although_it_was_cancelled_is_done(work: Work) -> None:
    """It has said so: what it recorded is committed, and later jobs of the worker are not disturbed."""

    async def run_probe(message: RunProbe, job: Job) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        async with asyncio.timeout(5):  # works as in any task: the cancellation is over
            await asyncio.sleep(0)
        job.write(RECORD, {"action": message.name})

    async with work({RunProbe: run_probe}, limits=JobLimits(0, 0.1)) as harness:
        for name in ("a", "b"):
            await harness.publisher.publish(RunProbe(name=name))
        await harness.empty()
        assert await harness.effects() == ["a", "b"]
        assert harness.outcomes() == {"done": 2}


@pytest.mark.usefixtures("soon")
async def test_a_handler_that_swallows_its_cancellation_is_cancelled_again(work: Work) -> None:
    """A loop that catches too much is interrupted until it obeys."""
    swallowed = 0

    async def run_probe(_: RunProbe, _job: Job) -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 3:
                    raise

    async with work({RunProbe: run_probe}, limits=JobLimits(0, 0.1)) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "attempts-exhausted"
        assert swallowed == 4


@pytest.mark.usefixtures("soon")
async def test_a_cancellation_from_inside_the_handler_is_a_failed_attempt(work: Work) -> None:
    """A handler that awaits something which was cancelled fails like any other; nobody meant the job."""

    async def run_probe(_: RunProbe, _job: Job) -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    async with work({RunProbe: run_probe}, limits=JobLimits(1, 60.0)) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "attempts-exhausted"
        assert letter.headers["Dead-Attempts"] == "2"
        assert "cancelled" in letter.headers["Dead-Error"]


async def test_a_route_without_inbox_remembers_nothing(work: Work) -> None:
    """A duplicate runs again, and the database is never asked."""
    ran: list[str] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        ran.append(job.id)

    async with work({RunProbe: route(RunProbe, run_probe, inbox=False)}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.publisher.publish_later(RunProbe(name="a"), job_id="one", delay=timedelta())
        await harness.empty()
        assert ran == ["one", "one"]
        assert await harness.inbox() == []
        assert harness.outcomes() == {"done": 2}


async def test_an_outcome_inside_a_task_group_counts_as_what_it_is(work: Work) -> None:
    """A handler that works on several things at once says Permanent from one of them."""

    async def refuse() -> None:
        raise Permanent("one of two was refused")

    async def run_probe(_message: RunProbe, _job: Job) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refuse())
            tasks.create_task(asyncio.sleep(10))

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        (letter,) = await harness.dead_letters()
        assert (letter.headers["Dead-Reason"], letter.headers["Dead-Error"]) == ("permanent", "one of two was refused")
