"""The testing kit: a job runs as a worker runs it, without a broker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from nightshift.contract.cron import ScheduleFired
from nightshift.database import Database
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip, Snooze, Unavailable
from nightshift.testing import FakeObjectStore, perform_job, temporary_database
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import route
from nightshift.worker.verdict import DeadLetter, Reschedule
from schema.tables import activity_logs
from tests.harness import RECORD, FollowProbe, RunProbe

PROBE = RunProbe(name="a")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    async with temporary_database(tmp_path) as opened:
        yield opened


async def _effects(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(activity_logs.c.action))).scalars())


async def record(message: RunProbe, job: Job) -> None:
    """Leave one effect."""
    job.write(RECORD, {"action": message.name})


async def test_what_a_handler_writes_is_in_the_database(database: Database) -> None:
    """The job is committed, as a worker commits it."""
    result = await perform_job(record, PROBE, database=database)
    assert result.outcome == "done"
    assert result.exception is None
    assert await _effects(database) == ["a"]


async def test_the_same_job_again_is_a_duplicate(database: Database) -> None:
    """A second delivery of a job that is done neither runs nor writes."""
    for outcome in ("done", "duplicate"):
        assert (await perform_job(record, PROBE, database=database, job_id="one")).outcome == outcome
    assert await _effects(database) == ["a"]


async def test_follow_ups_are_published_after_the_commit(database: Database) -> None:
    """Each with its id, its time and its message."""
    at = datetime.now(UTC) + timedelta(hours=1)

    async def enqueue(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="now"))
        job.enqueue(FollowProbe(name="later"), job_id="two", at=at)

    result = await perform_job(enqueue, PROBE, database=database, job_id="one")
    first, second = result.follow_ups
    assert (first.job_type, first.at) == ("probe.follow", None)
    assert first.job_id.startswith("probe/probe.run/one/0/")
    assert (second.job_type, second.job_id, second.at) == ("probe.follow", "two", at)
    assert [job.decode(FollowProbe).name for job in result.follow_ups] == ["now", "later"]


async def test_a_long_follow_up_goes_by_claim_check(database: Database) -> None:
    """Its body is in the object store of the test."""
    objects = FakeObjectStore()

    async def enqueue(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="x" * 200_000))

    result = await perform_job(enqueue, PROBE, database=database, objects=objects)
    assert result.follow_ups[0].headers["Job-Claim"] in objects.contents


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (Permanent("never"), "dead"),
        (Snooze(timedelta(minutes=5)), "snooze"),
        (Skip(), "skipped"),
        (Unavailable("database", "gone"), "unavailable"),
        (KeyError("a bug"), "retry"),
    ],
)
async def test_every_outcome_is_shown(database: Database, raised: Exception, outcome: str) -> None:
    """The verdict is the worker's, and the exception is at hand; what was recorded before is not written."""

    async def fail(message: RunProbe, job: Job) -> None:
        await record(message, job)
        raise raised

    result = await perform_job(fail, PROBE, database=database)
    assert result.outcome == outcome
    assert result.exception is raised
    assert await _effects(database) == []


async def test_the_last_attempt_is_a_dead_letter(database: Database) -> None:
    """`attempt` says which one it is."""

    async def fail(_: RunProbe, _job: Job) -> None:
        raise KeyError

    result = await perform_job(fail, PROBE, database=database, attempt=4, limits=JobLimits(max_retries=3))
    assert isinstance(result.verdict, DeadLetter)
    assert (result.verdict.reason, result.verdict.attempts) == ("attempts-exhausted", 4)


async def test_a_handler_that_takes_too_long_is_cancelled() -> None:
    """At the route's own timeout."""

    async def hang(_: RunProbe, _job: Job) -> None:
        await asyncio.Event().wait()

    result = await perform_job(route(RunProbe, hang, inbox=False, timeout_seconds=0.01), PROBE)
    assert isinstance(result.verdict, Reschedule)
    assert "took longer than 0.01 s" in result.verdict.error


async def test_a_body_is_decoded_by_the_route(database: Database) -> None:
    """What breaks the contract is a dead letter that says why."""
    result = await perform_job(route(RunProbe, record), b'{"name":1}', job_type="probe.run", database=database)
    assert isinstance(result.verdict, DeadLetter)
    assert result.verdict.error == "Expected `str`, got `int` - at `$.name`"


async def test_an_event_is_handled_as_its_type(database: Database) -> None:
    """The handler sees the event, and what it enqueues is published."""
    now = datetime.now(UTC)
    event = ScheduleFired(name="probe.daily", schedule="0 0 * * *", time_zone="UTC", due=now, announced=now)
    types: list[str] = []

    async def run_daily(event: ScheduleFired, job: Job) -> None:
        types.append(job.type)
        job.enqueue(RunProbe(name=event.name))

    result = await perform_job(run_daily, event, database=database)
    assert types == ["cron.probe.daily"]
    assert [job.subject for job in result.follow_ups] == ["jobs.probe.run"]


async def test_a_statement_that_fails_fails_the_attempt(database: Database) -> None:
    """Nothing of the job is written; the verdict names the error."""

    async def write(_: RunProbe, job: Job) -> None:
        job.write(RECORD, {"action": "a"})
        job.write(RECORD, {"action": None})

    result = await perform_job(write, PROBE, database=database)
    assert isinstance(result.verdict, Reschedule)
    assert result.verdict.error_type == IntegrityError.__name__
    assert await _effects(database) == []


async def test_a_route_with_an_inbox_needs_a_database() -> None:
    """The error says what to pass."""
    with pytest.raises(TypeError, match="pass database="):
        await perform_job(record, PROBE)
