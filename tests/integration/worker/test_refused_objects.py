"""An object store that refuses makes a job wait: one that is done cannot fail, one that is not loses no attempt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from nightshift.database import Database
from nightshift.database.tables import outbox
from nightshift.messaging import claim_check
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import RELAY_PAGE, Outbox
from nightshift.objects import ObjectStoreRefusedError
from nightshift.testing import FakeObjectStore, InMemoryPublisher, perform_job, temporary_database
from nightshift.worker.commit import Committer
from tests.harness import FollowProbe, RunProbe, eventually

PROBE = RunProbe(name="a")
LONG = FollowProbe(name="x" * 200_000)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    async with temporary_database(tmp_path) as opened:
        yield opened


async def test_a_committed_job_waits_until_its_long_follow_up_is_taken(database: Database) -> None:
    """It has an effect by then: to fail now would run it again, and count an attempt."""
    objects = FakeObjectStore()
    objects.refused = "the quota is used up"
    ran = 0

    async def enqueue(_: RunProbe, job: Job) -> None:
        nonlocal ran
        ran += 1
        job.enqueue(LONG)

    running = asyncio.create_task(perform_job(enqueue, PROBE, database=database, objects=objects))
    await eventually(lambda: objects.refusals > 1, what="it is tried again")
    assert not running.done()
    objects.refused = ""
    result = await running
    assert (result.outcome, ran) == ("done", 1)
    assert len(result.follow_ups) == 1


@pytest.mark.parametrize("refused", [1, 2 * RELAY_PAGE])
async def test_a_follow_up_that_is_refused_keeps_no_other_back(database: Database, refused: int) -> None:
    """Those that need no object are published by the same look into the outbox, and only what is refused is left."""
    objects = FakeObjectStore()
    objects.refused = "the quota is used up"
    publisher = InMemoryPublisher(objects)
    job = Job("probe", "probe.run", "parent", "parent")
    for message in (*[LONG] * refused, FollowProbe(name="second"), FollowProbe(name="third")):
        job.enqueue(message)
    await Committer(database).commit(job)
    with pytest.raises(ExceptionGroup) as raised:
        await Outbox("probe", database, publisher).publish(job)
    assert raised.group_contains(ObjectStoreRefusedError)
    assert {kept.decode(FollowProbe).name for kept in publisher.published} == {"second", "third"}
    async with database.read() as connection:
        assert len((await connection.execute(select(outbox.c.id))).all()) == refused


async def test_a_copy_whose_body_cannot_be_kept_longer_leaves_the_job_where_it_is(database: Database) -> None:
    """The broker delivers it again: that is neither an error of the worker nor the end of the job."""
    objects = FakeObjectStore()
    body = b'{"name":"a"}'
    key = f"claims/{date(2026, 1, 1)}/" + claim_check.key_for(body, datetime.now(UTC)).rpartition("/")[2]
    await objects.put(key, body, "application/json")
    objects.refused = "the quota is used up"

    async def fail(_: RunProbe, _job: Job) -> None:
        raise LookupError

    result = await perform_job(fail, PROBE, database=database, objects=objects, headers={"Job-Claim": key})
    assert result.outcome == "retry"
    assert result.nakked
