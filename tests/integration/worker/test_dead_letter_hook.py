"""A route may name a function that is told of each dead letter of its type, whatever the reason."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Unavailable
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import route
from tests.harness import PATIENT, RunProbe, eventually
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import never
from tests.integration.worker.test_crash_loop import _die_with

ONE_ATTEMPT = JobLimits(0, 60.0)


class Told:
    """A hook that records what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.error: Exception | None = None

    async def __call__(self, message: RunProbe, job: Job, reason: str) -> None:
        """Record the call; fail if the test wants that."""
        self.calls.append((message.name, job.id, reason))
        if self.error is not None:
            raise self.error


async def fail(_: RunProbe, _job: Job) -> None:
    """Fail as a bug does."""
    raise LookupError("no such thing")


async def refuse(_: RunProbe, _job: Job) -> None:
    """Give up at once."""
    raise Permanent("never")


async def hang(_: RunProbe, _job: Job) -> None:
    """Never return."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "limits", "reason"),
    [
        (refuse, ONE_ATTEMPT, "never"),
        (fail, ONE_ATTEMPT, "LookupError: no such thing"),
        (hang, JobLimits(0, 0.2), "the handler took longer than 0.2 s and was cancelled"),
    ],
)
async def test_the_hook_is_told_before_the_dead_letter_is_stored(
    handler: Callable[[RunProbe, Job], Awaitable[None]], limits: JobLimits, reason: str, work: Work
) -> None:
    """With the message, the job and the reason: of a refusal, of exhausted attempts, of a timeout."""
    told = Told()
    async with work({RunProbe: route(RunProbe, handler, on_dead_letter=told)}, limits=limits) as harness:
        await harness.publisher.publish(RunProbe(name="x"), job_id="one")
        (letter,) = await harness.dead_letters()
        assert told.calls == [("x", "one", reason)]
        assert letter.headers["Dead-Error"] == reason


async def test_a_failed_attempt_that_is_not_the_last_is_not_told(work: Work) -> None:
    """Only the end counts."""
    told = Told()
    async with work({RunProbe: route(RunProbe, fail, on_dead_letter=told)}, limits=JobLimits(1, 60.0)) as harness:
        await harness.publisher.publish(RunProbe(name="x"), job_id="one")
        await eventually(lambda: harness.outcomes().get("retry") == 1)
        assert told.calls == []
        await harness.dead_letters()
        assert len(told.calls) == 1


async def test_the_hook_is_told_of_a_crash_loop(work: Work) -> None:
    """The handler never got to say anything."""
    told = Told()
    async with work({RunProbe: route(RunProbe, never, on_dead_letter=told)}, start=False) as harness:
        await _die_with(harness, "one", 10)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.dead_letters()
        ((name, job_id, reason),) = told.calls
        assert (name, job_id) == ("deadly", "one")
        assert "no worker lived" in reason


async def test_an_unreadable_body_is_not_told(work: Work) -> None:
    """There is no message to tell of."""
    told = Told()
    async with work({RunProbe: route(RunProbe, never, on_dead_letter=told)}) as harness:
        await harness.raw("jobs.probe.run", b"{}")
        await harness.dead_letters()
        assert told.calls == []


async def test_a_hook_that_fails_does_not_keep_the_dead_letter_back(
    work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged: the job must not go round for ever because of a bug in its hook."""
    told = Told()
    told.error = LookupError("a bug")
    async with work({RunProbe: route(RunProbe, refuse, on_dead_letter=told)}) as harness:
        await harness.publisher.publish(RunProbe(name="x"), job_id="one")
        await harness.dead_letters()
        assert "a bug" in caplog.text


async def test_a_hook_that_cannot_reach_its_database_is_told_again(work: Work) -> None:
    """The job waits with its verdict and is not run again meanwhile."""
    policies = replace(PATIENT, dead_letter_again=timedelta(milliseconds=50))
    told = Told()
    told.error = Unavailable("database", "restarting")
    async with work({RunProbe: route(RunProbe, refuse, on_dead_letter=told)}, policies=policies) as harness:
        await harness.publisher.publish(RunProbe(name="x"), job_id="one")
        await eventually(lambda: len(told.calls) > 1)
        assert await harness.stored("PROBE_DLQ") == []
        told.error = None
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Attempts"] == "1"
