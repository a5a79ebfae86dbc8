"""`enqueue` writes a job into the caller's own transaction: it is there when that commits, and not when it does not."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, column, create_engine, insert, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from contracts.email import SendEmail
from nightshift import Job, Skip, cancel_enqueued, enqueue, record_done
from nightshift.config.datastore_settings import with_schema
from nightshift.config.datastore_urls import parse
from nightshift.database import Database, open_database, sqlite_url
from nightshift.database.tables import processed_messages
from nightshift.messaging.enqueued import EnqueuedRows
from nightshift.testing import InMemoryPublisher, PublishedJob, add_tables, enqueued_jobs
from tests.repository import ROOT

MAIL = SendEmail(to="ada@example.com", subject="Thank you", body='<p>Order \\ 17 \u0000 "é"</p>')
ORDERS = table("orders", column("id"))


@pytest.fixture
async def engine(empty: Database) -> AsyncIterator[AsyncEngine]:
    """The application's own engine, which knows nothing of Nightshift; its database may enqueue mails."""
    await add_tables(empty.url, SendEmail)
    made = create_async_engine(parse(empty.url))
    async with made.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    yield made
    await made.dispose()


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """The same as an SQLite file."""
    found = tmp_path / "shop.db"
    await add_tables(sqlite_url(found), SendEmail)
    return found


@pytest.fixture
def sync_engine(file: Path) -> Iterator[Engine]:
    """The application's own engine of SQLAlchemy, without asyncio."""
    made = create_engine(sqlite_url(file))
    yield made
    made.dispose()


async def _jobs(engine: AsyncEngine) -> list[PublishedJob]:
    async with engine.connect() as connection:
        return await connection.run_sync(enqueued_jobs)


async def test_a_job_is_there_when_an_asynchronous_transaction_commits(engine: AsyncEngine) -> None:
    """With the connection of Core, and by the body as it was given, whatever characters it has."""
    publisher = InMemoryPublisher()
    async with engine.begin() as connection:
        await connection.execute(insert(ORDERS).values(id=17))
        job_id = await publisher.enqueue(connection, MAIL, job_id="order-17", tenant="acme", headers={"Note": "a"})

    (job,) = await _jobs(engine)
    assert job_id == job.job_id == "order-17"
    assert (job.job_type, job.decode(SendEmail), job.at) == ("email.send", MAIL, None)
    assert job.headers == {"Job-Id": "order-17", "Job-Tenant": "acme", "Note": "a"}
    assert publisher.published == []


async def test_a_job_is_gone_with_its_transaction(engine: AsyncEngine) -> None:
    """What is rolled back was never enqueued."""
    async with engine.connect() as connection:
        await connection.run_sync(enqueue, MAIL)
        assert len(await connection.run_sync(enqueued_jobs)) == 1
        await connection.rollback()

    assert await _jobs(engine) == []


async def test_a_session_of_the_orm_enqueues(engine: AsyncEngine) -> None:
    """By its own `run_sync`, or by the publisher; without an id it gets a new one each time."""
    async with async_sessionmaker(engine)() as session, session.begin():
        first = await session.run_sync(enqueue, MAIL)
        second = await InMemoryPublisher().enqueue(session, MAIL)

    assert [job.job_id for job in await _jobs(engine)] == [first, second]
    assert first != second


async def test_a_job_may_be_enqueued_for_later(engine: AsyncEngine) -> None:
    """At an aware instant, or after a delay."""
    at = datetime(2031, 5, 1, 6, 30, tzinfo=UTC)
    async with engine.begin() as connection:
        await connection.run_sync(enqueue, MAIL, at=at)
        await connection.run_sync(enqueue, MAIL, delay=timedelta(hours=12))

    first, second = await _jobs(engine)
    assert first.at == at
    assert second.at is not None
    assert timedelta(hours=11, minutes=55) < second.at - datetime.now(UTC) <= timedelta(hours=12)


async def test_a_job_can_be_taken_out_again(engine: AsyncEngine) -> None:
    """As long as it is in the outbox, by its type and id, and no other one."""
    async with engine.begin() as connection:
        for number in (1, 2):
            await connection.run_sync(enqueue, MAIL, job_id=f"order-{number}")
    async with engine.begin() as connection:
        assert await connection.run_sync(cancel_enqueued, SendEmail, "order-1")
        assert not await connection.run_sync(cancel_enqueued, "email.send", "order-1")
        assert not await connection.run_sync(cancel_enqueued, "upload.process", "order-2")

    assert [job.job_id for job in await _jobs(engine)] == ["order-2"]


async def test_what_is_enqueued_is_what_the_relay_publishes(engine: AsyncEngine, empty: Database) -> None:
    """One job, with the body, the id and the time that were given."""
    at = datetime(2031, 5, 1, 6, 30, tzinfo=UTC)
    async with engine.begin() as connection:
        await connection.run_sync(enqueue, MAIL, job_id="order-17", at=at)
    publisher = InMemoryPublisher()

    await EnqueuedRows("email", empty, publisher).publish_new(datetime.now(UTC))

    (job,) = publisher.published
    assert (job.job_type, job.job_id, job.decode(SendEmail), job.at) == ("email.send", "order-17", MAIL, at)
    assert await _jobs(engine) == []


async def test_a_type_that_is_not_offered_fails_in_the_transaction(empty: Database, engine: AsyncEngine) -> None:
    """The database says which are, as it does to everybody."""
    await add_tables(empty.url)

    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="outbox: no job can be enqueued as"):
            await connection.run_sync(enqueue, MAIL)


async def test_the_schema_of_the_tables_can_have_another_name(postgres_url: str) -> None:
    """An application's own engine is told it; a connection of `Database` knows."""
    there = with_schema(postgres_url, "shop_jobs")
    await add_tables(there, SendEmail)
    engine, database = create_async_engine(parse(postgres_url)), open_database(there)
    try:
        async with engine.begin() as connection:
            await InMemoryPublisher().enqueue(connection, MAIL, schema="shop_jobs")
        async with database.write() as connection:
            await connection.run_sync(enqueue, MAIL)
            assert len(await connection.run_sync(enqueued_jobs)) == 2
    finally:
        await engine.dispose()
        await database.close()


@pytest.mark.parametrize("opened", [Engine.begin, lambda engine: sessionmaker(engine).begin()])
def test_plain_synchronous_sqlalchemy_enqueues(sync_engine: Engine, opened: Any) -> None:
    """With a connection of Core as with a session of the ORM."""
    with opened(sync_engine) as transaction:
        enqueue(transaction, MAIL, job_id="order-17")
        assert [job.job_id for job in enqueued_jobs(transaction)] == ["order-17"]
    with opened(sync_engine) as transaction:
        enqueue(transaction, MAIL, job_id="order-18")
        transaction.rollback()

    with sync_engine.connect() as connection:
        assert [job.job_id for job in enqueued_jobs(connection)] == ["order-17"]


def test_a_scoped_session_enqueues(sync_engine: Engine) -> None:
    """The session of a thread or a request, as Flask's extension has it."""
    session = scoped_session(sessionmaker(sync_engine))
    enqueue(session, MAIL)
    session.commit()

    assert len(enqueued_jobs(session)) == 1
    session.remove()


WITHOUT_GREENLET = """
import sys
sys.modules["greenlet"] = None
from contracts.email import SendEmail
from nightshift import enqueue
from sqlalchemy import create_engine
with create_engine(sys.argv[1]).begin() as connection:
    print(enqueue(connection, SendEmail(to="ada@example.com", subject="Hi", body="Hi"), job_id="order-17"))
"""


def test_synchronous_sqlalchemy_needs_nothing_of_asyncio(file: Path) -> None:
    """SQLAlchemy's asyncio needs greenlet, which who has no use for it has not installed."""
    command = [sys.executable, "-c", WITHOUT_GREENLET, sqlite_url(file)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=60)  # noqa: S603
    assert (done.stdout, done.stderr) == ("order-17\n", "")


@pytest.mark.parametrize("kind", ["connection", "cursor"])
def test_sqlite3_enqueues(file: Path, kind: str) -> None:
    """By the driver alone: with a connection as with a cursor."""
    with closing(sqlite3.connect(file)) as connection:
        own: Any = connection if kind == "connection" else connection.cursor()
        with connection:
            enqueue(own, MAIL, job_id="order-17", delay=timedelta(hours=1))
        enqueue(own, MAIL, job_id="order-18")
        connection.rollback()

        (job,) = enqueued_jobs(own)
        assert (job.job_id, job.decode(SendEmail)) == ("order-17", MAIL)
        assert cancel_enqueued(own, SendEmail, "order-17")


@pytest.mark.parametrize(
    ("wrong", "options", "text"),
    [
        (MAIL, {"at": datetime(2031, 1, 1)}, "no time zone"),  # noqa: DTZ001 - that is what is wrong
        (MAIL, {"at": datetime.now(UTC), "delay": timedelta(1)}, "either `at` or `delay`"),
        (MAIL, {"headers": {"Nats-Rollup": "all"}}, "orders to the broker"),
        (MAIL, {"headers": {"job-id": "x"}}, "do you mean Job-Id"),
        (msgspec.structs.replace(MAIL, subject=17), {}, r"got `int` - at `\$.subject`"),
    ],
)
def test_what_could_not_be_a_job_is_told_before_the_database_is_asked(
    file: Path, wrong: SendEmail, options: dict[str, Any], text: str
) -> None:
    """The contract, the headers and the time, in words; the transaction goes on."""
    with closing(sqlite3.connect(file)) as connection, connection:
        with pytest.raises((ValueError, msgspec.ValidationError), match=text):
            enqueue(connection, wrong, **options)
        assert enqueued_jobs(connection) == []


async def test_what_is_no_transaction_is_told(engine: AsyncEngine, tmp_path: Path) -> None:
    """An asynchronous connection says how to wait for it, anything else what is expected."""
    async with engine.connect() as connection, AsyncSession(engine) as session:
        for wrong in (connection, session):
            with pytest.raises(TypeError, match=r"asynchronous: .* `await connection.run_sync\(enqueue"):
                enqueue(wrong, MAIL)
    with pytest.raises(TypeError, match="no connection, session or cursor"):
        enqueue(tmp_path, MAIL)
    with pytest.raises(TypeError, match="no connection, session or cursor"):
        enqueue(engine, MAIL)


async def test_a_job_that_is_recorded_as_done_is_in_the_ledger(engine: AsyncEngine, empty: Database) -> None:
    """Once, with what it took and returned; a second time it is skipped, and its transaction with it."""
    job = Job(service="email", type="email.send", id="welcome-17", key="welcome-17", attempt=2, tenant="acme")
    job.result = {"pages": 3}
    async with engine.begin() as connection:
        await connection.run_sync(record_done, job)
    async with engine.connect() as connection:
        with pytest.raises(Skip):
            await connection.run_sync(record_done, job)

    (row,) = await empty.ask(lambda it: it.execute(select(processed_messages)).mappings().all())
    assert (row["id"], row["attempt"], row["tenant"], row["result"]) == ("welcome-17", 2, "acme", '{"pages":3}')
    assert abs(row["processed_at"] - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(RuntimeError, match=r"job\.enqueue comes too late after record_done"):
        job.enqueue(MAIL)
