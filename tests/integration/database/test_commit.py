"""Jobs that finish together share a transaction, and each is committed exactly once all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.contract.message import Message
from nightshift.database import Database, open_database
from nightshift.database.tables import outbox, processed_messages
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from nightshift.worker.commit import Committer
from schema.tables import activity_logs
from tests.harness import FollowProbe

RECORD = insert(activity_logs)
RENAME = update(activity_logs).where(activity_logs.c.action == "first").values(action="second")


@pytest.fixture(autouse=True)
async def _empty(database: Database) -> None:
    async with database.write() as connection:
        for table in (activity_logs, outbox, processed_messages):
            await connection.execute(delete(table))


def job(name: str, *actions: str, follow: Message | None = None) -> Job:
    """A job that wants these written."""
    made = Job("probe", "probe.run", name, name)
    for action in actions:
        made.write(RECORD, {"action": action})
    if follow is not None:
        made.enqueue(follow)
    return made


async def _actions(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted(row[0] for row in await connection.execute(select(activity_logs.c.action)))


async def _rows(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(table))).all())


async def _fail(_: AsyncConnection) -> None:
    raise LookupError("no such row")


async def test_the_second_commit_of_a_job_does_nothing(database: Database) -> None:
    """It says so, and leaves no effect and no follow-up."""
    committer = Committer(database)
    assert not await committer.is_done(job("a"))
    assert await committer.commit(job("a", "once", follow=FollowProbe(name="f")))
    assert await committer.is_done(job("a"))
    assert not await committer.commit(job("a", "twice", follow=FollowProbe(name="f")))
    assert await _actions(database) == ["once"]
    assert await _rows(database, outbox) == 1


async def test_a_job_twice_in_one_group_is_committed_once(database: Database) -> None:
    """At the very same moment, beside others."""
    committer = Committer(database)
    jobs = [job("z", "z"), job("a", "a"), job("a", "a"), job("b", "b"), job("a", "a")]
    results = await asyncio.gather(*(committer.commit(one) for one in jobs))
    assert results == [True, True, False, True, False]
    assert await _actions(database) == ["a", "b", "z"]
    assert await _rows(database, processed_messages) == 3


async def test_a_job_whose_effect_fails_spoils_nobody_else(database: Database) -> None:
    """It alone gets its exception, and nothing of it is there."""
    committer = Committer(database)
    jobs = [job("a", "a"), job("bad", "bad", follow=FollowProbe(name="f")), job("b", "b")]
    jobs[1].run_in_transaction(_fail)
    first, bad, last = await asyncio.gather(*(committer.commit(one) for one in jobs), return_exceptions=True)
    assert (first, last) == (True, True)
    assert isinstance(bad, LookupError)
    assert await _actions(database) == ["a", "b"]
    assert await _rows(database, outbox) == 0
    assert not await committer.is_done(job("bad"))


async def test_when_the_first_of_two_deliveries_fails_the_second_is_committed(database: Database) -> None:
    """A duplicate is one of what has happened, not of what was tried."""
    committer = Committer(database)
    bad, good = job("a", "bad"), job("a", "good")
    bad.run_in_transaction(_fail)
    results = await asyncio.gather(committer.commit(bad), committer.commit(good), return_exceptions=True)
    assert isinstance(results[0], LookupError)
    assert results[1] is True
    assert await _actions(database) == ["good"]


async def test_jobs_of_one_group_may_fill_different_columns(database: Database) -> None:
    """What one leaves out, another may say with the same statement: nothing is lost or mixed up."""
    committer = Committer(database)
    plain, rich = job("a", "plain"), job("b")
    rich.write(RECORD, {"action": "rich", "details": {"by": "b"}})
    assert await asyncio.gather(committer.commit(job("z")), committer.commit(plain), committer.commit(rich))
    async with database.read() as connection:
        rows = await connection.execute(select(activity_logs.c.action, activity_logs.c.details))
        assert {row[0]: row[1] for row in rows} == {"plain": {}, "rich": {"by": "b"}}


async def test_a_jobs_statements_keep_their_order_inside_a_group(database: Database) -> None:
    """A later statement sees what an earlier one did."""
    committer = Committer(database)
    jobs = [job("a", "first"), job("b"), job("c", "other")]
    jobs[0].write(RENAME)
    jobs[1].write(RECORD, {"action": "first of b"})
    assert await asyncio.gather(committer.commit(job("z")), *(committer.commit(one) for one in jobs))
    assert await _actions(database) == ["first of b", "other", "second"]


async def test_many_jobs_need_few_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit to the disk is what costs: a hundred jobs share it."""
    transactions = 0
    write = database.write

    @asynccontextmanager
    async def counted() -> AsyncIterator[AsyncConnection]:
        nonlocal transactions
        transactions += 1
        async with write() as connection:
            yield connection

    monkeypatch.setattr(database, "write", counted)
    committer = Committer(database)
    results = await asyncio.gather(*(committer.commit(job(f"{n:03}", f"{n:03}")) for n in range(100)))
    assert results == [True] * 100
    assert transactions <= 2
    assert await _actions(database) == [f"{n:03}" for n in range(100)]


async def test_of_two_processes_one_commits(database: Database) -> None:
    """The primary key decides, whoever is faster; the groups of both go through."""
    other = open_database(database.url)
    try:
        names = [uuid4().hex for _ in range(50)]
        ours, theirs = Committer(database), Committer(other)
        results = await asyncio.gather(
            *(ours.commit(job(name, name)) for name in names),
            *(theirs.commit(job(name, name)) for name in reversed(names)),
        )
        assert sum(results) == 50
        assert await _actions(database) == sorted(names)
    finally:
        await other.close()


async def test_an_outage_is_everybodys(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job of the group learns that nothing happened."""

    def away(_work: object) -> None:
        raise Unavailable("database", "a test")

    committer = Committer(database)
    with monkeypatch.context() as patched:
        patched.setattr(database, "commit", away)
        results = await asyncio.gather(*(committer.commit(job(n, n)) for n in "abc"), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    assert await committer.commit(job("a", "a"))


async def test_a_follow_up_that_breaks_its_contract_fails_its_parent(database: Database) -> None:
    """It is found out before the commit."""
    committer = Committer(database)
    broken: Any = FollowProbe(name=17)  # type: ignore[arg-type]  # the mistake that is to be found
    with pytest.raises(Exception, match=r"Expected `str`, got `int` - at `\$.name`"):
        await committer.commit(job("a", "a", follow=broken))
    assert await _rows(database, processed_messages) == 0
