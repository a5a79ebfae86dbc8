"""A job that no worker has is cancelled by its inbox row, which its commit would have to write."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text

from nightshift.database import Database
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox, processed_messages
from nightshift.gateway.outbox_rows import OutboxRows
from nightshift.instants import utc_now
from nightshift.messaging import outbound
from nightshift.messaging.cancelling import cancel_in, is_in_outbox, take_out_of_outbox, which_in_outbox
from nightshift.messaging.job import Job
from nightshift.messaging.ledger import LedgerEntry, find
from nightshift.testing import perform_job
from tests.harness import FollowProbe

TYPE = FollowProbe.TYPE
PROBE = FollowProbe(name="probe")


@pytest.fixture(autouse=True)
async def _empty(database: Database) -> None:
    await let_producers(database.url, [TYPE], notify=False)
    async with database.write() as connection:
        for table in (outbox, processed_messages):
            await connection.execute(delete(table))


async def cancel(database: Database, job_id: str) -> LedgerEntry:
    """Cancel a job in a transaction of its own."""
    return await database.commit(lambda it: cancel_in(it, TYPE, job_id, utc_now()))


async def waits(database: Database, job_id: str) -> bool:
    """Return whether it is found in the outbox."""
    return await database.ask(lambda it: is_in_outbox(it, TYPE, job_id))


async def take_out(database: Database, job_id: str) -> bool:
    """Take a job out of the outbox in a transaction of its own."""
    return await database.commit(lambda it: take_out_of_outbox(it, TYPE, job_id, utc_now()))


async def work(_: FollowProbe, job: Job) -> None:
    """Return something."""
    job.result = 1


async def enqueue(database: Database, job_id: str) -> None:
    """Write a row as a stranger does."""
    row = {"consumer": "", "subject": f"jobs.{TYPE}", "body": b'{"name":"a"}', "headers": {"Job-Id": job_id}}
    async with database.write() as connection:
        await connection.execute(insert(outbox), row)


@pytest.mark.parametrize("job_id", ["a", "an id/with: all sorts", "é" * 300, "\0", "~x"])
async def test_a_cancelled_job_has_no_effect(database: Database, job_id: str) -> None:
    """Its worker finds it ended; cancelled once more it still is; the ledger says so."""
    assert [(await cancel(database, job_id)).outcome for _ in range(2)] == ["cancelled"] * 2
    performed = await perform_job(work, PROBE, database=database, job_id=job_id)
    assert performed.outcome == "duplicate"
    ended = await find(database, TYPE, job_id)
    assert (ended and ended.outcome, ended and ended.result) == ("cancelled", None)


async def test_a_job_that_is_done_stays_so(database: Database) -> None:
    """Who cancels it is told how it has ended."""
    await perform_job(work, PROBE, database=database, job_id="a")
    ended = await cancel(database, "a")
    assert (ended.outcome, ended.result) == ("done", 1)


async def test_cancel_and_commit_at_the_same_time_agree(database: Database) -> None:
    """Either the job has run and is not cancelled, or it is cancelled and has no effect."""

    async def race(number: int) -> tuple[str, str]:
        performing = perform_job(work, PROBE, database=database, job_id=f"race-{number}")
        performed, ended = await asyncio.gather(performing, cancel(database, f"race-{number}"))
        return performed.outcome, ended.outcome

    outcomes = await asyncio.gather(*map(race, range(40)))
    assert set(outcomes) <= {("done", "done"), ("duplicate", "cancelled")}


async def test_a_job_by_sql_is_taken_out_of_the_outbox(database: Database) -> None:
    """By its id, with all its rows; it is cancelled also if its relay has just published it."""
    for job_id in ("a", "a", "b"):
        await enqueue(database, job_id)
    assert await waits(database, "a")
    assert [await take_out(database, "a") for _ in range(2)] == [True, False]
    assert (await waits(database, "a"), await waits(database, "b")) == (False, True)
    assert (await perform_job(work, PROBE, database=database, job_id="a")).outcome == "duplicate"


async def test_a_job_of_the_gateways_is_taken_out_too(database: Database) -> None:
    """Whether it is for now or for later."""
    rows = OutboxRows(database, utc_now)
    later = outbound.scheduled(TYPE, "later", b"{}", {}, utc_now())
    await rows.write([outbound.job(TYPE, "now", b"{}", {}), later], None)
    assert [await take_out(database, name) for name in ("now", "later", "never")] == [True, True, False]


async def test_the_job_of_a_job_stays(database: Database) -> None:
    """It belongs to its parent's commit, and its worker is about to publish it."""
    row = {"id": "probe/probe.run/p/0", "consumer": "probe", "type": "probe.run", "parent_id": "p"}
    message = {"subject": f"jobs.{TYPE}", "body": b"{}", "headers": {"Job-Id": "child"}}
    async with database.write() as connection:
        await connection.execute(insert(outbox), row | message)
    assert not await take_out(database, "child")
    async with database.read() as connection:
        assert len((await connection.execute(select(outbox.c.id))).all()) == 1


@pytest.mark.parametrize("job_id", ["\0", "a\ud800", "'; DROP TABLE outbox; --", "x" * 10_000])
async def test_an_id_that_no_row_can_have_is_in_no_row(database: Database, job_id: str) -> None:
    """It is an answer, and no error of the database."""
    assert not await waits(database, job_id)


async def test_many_jobs_are_looked_for_by_one_query(database: Database) -> None:
    """A thousand may wait for as many jobs, and each asks again now and then."""
    for job_id in ("a", "b"):
        await enqueue(database, job_id)
    wanted = [(TYPE, "a"), (TYPE, "c"), ("probe.other", "b"), (TYPE, "b"), (TYPE, "\0")]
    assert await database.ask(lambda it: which_in_outbox(it, wanted)) == {(TYPE, "a"), (TYPE, "b")}
    assert await database.ask(lambda it: which_in_outbox(it, [])) == set()


async def test_an_index_finds_a_job_in_a_long_outbox(database: Database) -> None:
    """Whoever waits for a job asks again and again, also while nothing can be published."""
    rows = [
        {"consumer": "", "subject": f"jobs.{TYPE}", "body": b"{}", "headers": {"Job-Id": f"many-{number}"}}
        for number in range(2000)
    ]
    async with database.write() as connection:
        await connection.execute(insert(outbox), rows)
        await connection.execute(text("ANALYZE"))
    plans = list[str]()
    explained = partial(_explained, plans)
    assert await database.ask(lambda it: is_in_outbox(explained(it), TYPE, "many-1700"))
    assert "ix_outbox_job_id" in plans[0]


class _Explaining:
    """A connection that tells the plan of what it is asked."""

    def __init__(self, plans: list[str], connection: Any) -> None:
        self._plans, self._connection = plans, connection

    def execute(self, statement: Any) -> Any:
        asked = str(statement.compile(dialect=self._connection.dialect, compile_kwargs={"literal_binds": True}))
        if self._connection.dialect.name == "sqlite":
            asked = f"QUERY PLAN {asked.replace('nightshift.', '')}"
        self._plans.append(json.dumps([list(row) for row in self._connection.exec_driver_sql(f"EXPLAIN {asked}")]))
        return self._connection.execute(statement)


def _explained(plans: list[str], connection: Any) -> Any:
    return _Explaining(plans, connection)
