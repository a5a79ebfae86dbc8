"""What a handler takes outside of its commit is given back when its job is over, whatever the verdict."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from nightshift import Job, Permanent, Skip, Snooze, Unavailable
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.testing import perform_job, temporary_database
from nightshift.worker.policies import JobLimits, Policies


async def refuse_to_commit(_: object) -> None:
    """A step of the commit that fails."""
    raise RuntimeError("no commit")


async def returns(job: Job) -> None:
    """Nothing more to do."""


async def hangs(job: Job) -> None:
    """Never ends by itself."""
    del job
    await asyncio.Event().wait()


async def fails_at_commit(job: Job) -> None:
    """The handler returns, its transaction does not."""
    job.run_in_transaction(refuse_to_commit)


def raising(error: Exception) -> Callable[[Job], Awaitable[None]]:
    """An end by an exception."""

    async def end(job: Job) -> None:
        del job
        raise error

    return end


ENDS = {
    "done": returns,
    "skipped": raising(Skip("nothing")),
    "snooze": raising(Snooze(timedelta(1))),
    "dead": raising(Permanent("no")),
    "unavailable": raising(Unavailable("objects", "away")),
    "retry": raising(ValueError("a bug")),
}


async def perform(
    database: Database, end: Callable[[Job], Awaitable[None]], release: Callable[[], Awaitable[None]], job_id: str = ""
) -> str:
    """Run a job that takes something and ends so; return its outcome."""

    async def handler(_: Message, job: Job) -> None:
        job.release_at_end(release)
        await end(job)

    limits, policies = JobLimits(timeout_seconds=0.2), Policies(settling_seconds=0.2)
    result = await perform_job(
        handler, Ping(), database=database, limits=limits, policies=policies, job_id=job_id, service="test"
    )
    return result.outcome


class Ping(Message):
    """A message of the tests."""

    SUBJECT = "jobs.test.ping"


@pytest.mark.parametrize("outcome", ENDS)
async def test_a_job_gives_back_what_it_took(tmp_path: Path, outcome: str) -> None:
    """However it ends, and once."""
    released: list[str] = []

    async def release() -> None:
        released.append(outcome)

    async with temporary_database(tmp_path) as database:
        assert await perform(database, ENDS[outcome], release) == outcome
    assert released == [outcome]


@pytest.mark.parametrize("end", [hangs, fails_at_commit])
async def test_a_job_that_does_not_come_to_its_end_gives_back_too(
    tmp_path: Path, end: Callable[[Job], Awaitable[None]]
) -> None:
    """Cancelled when its time is over, or failing in its transaction."""
    released = asyncio.Event()

    async def release() -> None:
        released.set()

    async with temporary_database(tmp_path) as database:
        assert await perform(database, end, release) == "retry"
    assert released.is_set()


async def test_a_duplicate_gives_back_what_it_took(tmp_path: Path) -> None:
    """Another delivery has committed while it ran."""
    released: list[int] = []

    async def release() -> None:
        released.append(1)

    async with temporary_database(tmp_path) as database:

        async def commits_elsewhere(job: Job) -> None:
            del job
            assert await perform(database, returns, release, "same") == "done"

        assert await perform(database, commits_elsewhere, release, "same") == "duplicate"
    assert len(released) == 2


@pytest.mark.parametrize("end", [raising(ConnectionError("away")), hangs])
async def test_what_cannot_be_given_back_changes_no_verdict(
    tmp_path: Path, end: Callable[[Job], Awaitable[None]]
) -> None:
    """It is said in the log; whoever takes such a thing gives it an end of its own."""

    async def release() -> None:
        job: object = None
        await end(job)  # type: ignore[arg-type] # neither looks at it

    async with temporary_database(tmp_path) as database:
        assert await perform(database, returns, release) == "done"
