"""The database is an application's: Nightshift's tables live beside its own; what is somebody else's is not touched."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import column, insert, select, table, text, true

from contracts.email import SendEmail
from nightshift import enqueue
from nightshift.cli.queries.outbox_rows import outbox_rows
from nightshift.config.datastore_settings import with_schema
from nightshift.config.datastore_urls import parse
from nightshift.database import Database, MigrationError, history_states, migrate, open_database, sqlite_url
from nightshift.database.notifications import listen
from nightshift.database.producers import let_producers, rings
from nightshift.database.tables import outbox, processed_messages
from nightshift.messaging import inbox, ledger
from nightshift.messaging.enqueued import EnqueuedRows
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from nightshift.testing import InMemoryPublisher, perform_job
from tests.databases import postgres_database
from tests.integration.database.snapshot import rows, snapshot
from tests.repository import ROOT

SENT = SendEmail(to="ada@example.com", subject="Hi", body="Hi")
MAIL = '{"to": "ada@example.com", "subject": "Hi", "body": "Hi"}'
ENQUEUE = text("SELECT shop_jobs.enqueue('email.send', CAST(:mail AS jsonb))")
APPLICATION = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO users VALUES (1, 'Ada')",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
    "INSERT INTO alembic_version VALUES ('7c1f')",
)
"""What a web application has long had in its database."""


async def _do(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@asynccontextmanager
async def _at(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def shop(empty: Database) -> Database:
    """An application's database, with its table `users` and its own Alembic."""
    await _do(empty, *APPLICATION)
    return empty


@pytest.fixture
async def shop_url(postgres: str) -> AsyncIterator[str]:
    """The same on PostgreSQL alone, by its address."""
    async with postgres_database(postgres) as url:
        async with _at(url) as database:
            await _do(database, *APPLICATION)
        yield url


async def test_an_application_keeps_its_users_and_its_alembic(shop: Database) -> None:
    """Only the library's tables come beside them, under a version table of their own."""
    assert await migrate(shop, "none") == ["tables of nightshift brought from nothing to 0007"]
    await let_producers(shop.url, ["email.send"], notify=True)

    assert await rows(shop, "users") == [(1, "Ada")]
    assert await rows(shop, "alembic_version") == [("7c1f",)]
    assert await migrate(shop, "none") == []
    await shop.probe()


async def test_tables_of_the_shipped_services_are_not_forced_on_an_application(shop: Database) -> None:
    """It is told whose the database is, what to write instead, in one line; and nothing is touched."""
    before = await snapshot(shop)

    with pytest.raises(MigrationError) as told:
        await migrate(shop)

    assert "belongs to another program: " in str(told.value)
    assert "users already exists" in str(told.value)
    assert "SCHEMA_PACKAGE=none" in str(told.value)
    assert "\n" not in str(told.value)
    assert await snapshot(shop) == before
    assert await rows(shop, "users") == [(1, "Ada")]


async def test_shipped_services_and_an_application_share_a_database(shop_url: str) -> None:
    """With a search path of their own, their tables are in a schema that `provision` makes; `users` is the shop's."""
    url = f"{shop_url}?search_path=shop_services"

    assert [line.partition(" brought")[0] for line in await migrate(url)] == [
        "tables of nightshift",
        "tables of schema",
    ]

    async with _at(url) as services, _at(shop_url) as shop:
        assert await rows(services, "users") == []
        assert await rows(shop, "users") == [(1, "Ada")]
        assert await migrate(url) == []
        assert all(state.at == state.head for state in await history_states(services))


async def test_a_table_of_ours_that_is_anothers_in_an_sqlite_file_is_told(empty: Database) -> None:
    """SQLite has no schemas: an application that has an outbox of its own needs another file for Nightshift."""
    if empty.dialect != "sqlite":
        await _do(empty, "CREATE TABLE outbox (id TEXT)")
        await migrate(empty, "none")
        assert await rows(empty, "outbox") == []
        return
    await _do(empty, "CREATE TABLE outbox (id TEXT)")

    with pytest.raises(
        MigrationError, match=r"belongs to another program: it has a table outbox.*SQLite file of its own"
    ):
        await migrate(empty, "none")

    assert list(await snapshot(empty)) == ["outbox"]


async def test_a_schema_nightshift_of_another_program_is_told(shop_url: str) -> None:
    """A product may be called like ours. Its schema stays as it is, and another takes our tables."""
    async with _at(shop_url) as shop:
        await _do(shop, "CREATE SCHEMA nightshift", "CREATE TABLE nightshift.shifts (id INTEGER)")

        with pytest.raises(MigrationError, match=r"nightshift of .* belongs to another program.*shifts.*SCHEMA="):
            await migrate(shop_url, "none")

        assert [name for name in await snapshot(shop) if name.startswith("nightshift.")] == ["nightshift.shifts"]
        assert await migrate(with_schema(shop_url, "shop_jobs"), "none") == [
            "tables of nightshift brought from nothing to 0007"
        ]
        assert [name for name in await snapshot(shop) if name.startswith("nightshift.")] == ["nightshift.shifts"]


@pytest.mark.parametrize("made", ["VIEW {place}outbox AS SELECT 1 AS id", "TABLE {place}outbox (id INTEGER)"])
async def test_a_view_of_our_name_is_anothers_as_well(empty: Database, made: str) -> None:
    """Whatever it is that has the name, it is told, and stays."""
    place = "nightshift." if empty.dialect == "postgresql" else ""
    if place:
        await _do(empty, "CREATE SCHEMA nightshift")
    await _do(empty, f"CREATE {made.format(place=place)}")

    with pytest.raises(MigrationError, match=r"belongs to another program: it has a table outbox"):
        await migrate(empty, "none")

    assert len(await rows(empty, f"{place}outbox")) in {0, 1}
    await _do(empty, f"DROP {made.partition(' ')[0]} {place}outbox")
    assert await migrate(empty, "none") == ["tables of nightshift brought from nothing to 0007"]


@pytest.fixture
async def elsewhere(shop_url: str) -> AsyncIterator[Database]:
    """Nightshift in a schema of another name, in the shop's database."""
    url = with_schema(shop_url, "shop_jobs")
    await migrate(url, "none")
    await let_producers(url, ["email.send"], notify=True)
    async with _at(url) as database:
        yield database


async def _schemas(database: Database) -> set[str]:
    query = text(
        "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    async with database.read() as connection:
        return set((await connection.execute(query)).scalars())


async def test_the_schema_can_have_another_name(elsewhere: Database) -> None:
    """Tables, triggers and functions are there, and none in `nightshift`."""
    assert await _schemas(elsewhere) == {"public", "shop_jobs"}
    assert await migrate(elsewhere, "none") == []
    assert [(state.at, state.head) for state in await history_states(elsewhere, "none")] == [("0007", "0007")]
    await elsewhere.probe()


async def test_inbox_and_effects_of_one_transaction_reach_both_schemas(elsewhere: Database) -> None:
    """The inbox row is in ours, the effect in the application's; a second time the row is found."""
    job = Job(service="email", type="email.send", id="welcome-17", key="welcome-17")
    effect = insert(table("users", column("id"), column("name"))).values(id=2, name="Grace")

    def commit(connection: Any) -> bool:
        entered = inbox.enter(connection, [job], datetime.now(UTC))
        connection.execute(effect)
        return entered

    assert await elsewhere.commit(commit)
    assert await elsewhere.ask(lambda connection: inbox.done(connection, [inbox.key_of(job)])) == {inbox.key_of(job)}
    assert await rows(elsewhere, "users") == [(1, "Ada"), (2, "Grace")]
    assert len(await elsewhere.ask(lambda it: it.execute(select(processed_messages)).all())) == 1


async def test_a_job_is_done_once_there_with_its_follow_up(elsewhere: Database) -> None:
    """By the worker's own pipeline: what it writes, what it enqueues, the relay, and the ledger."""
    effect = insert(table("users", column("id"), column("name")))

    async def welcome(message: SendEmail, job: Job) -> None:
        job.write(effect, {"id": 2, "name": message.to})
        job.enqueue(message)

    results = [await perform_job(welcome, SENT, database=elsewhere, job_id="welcome-17") for _ in range(2)]

    assert [result.outcome for result in results] == ["done", "duplicate"]
    assert [job.decode(SendEmail) for job in results[0].follow_ups] == [SENT]
    assert await rows(elsewhere, "users") == [(1, "Ada"), (2, "ada@example.com")]
    assert await elsewhere.ask(lambda it: it.execute(select(outbox)).all()) == []
    assert await ledger.find(elsewhere, "email.send", "welcome-17") is not None


async def test_the_relay_and_the_operator_find_what_was_enqueued_there(elsewhere: Database) -> None:
    """One row, until the broker has it."""
    async with elsewhere.write() as connection:
        await connection.run_sync(enqueue, SENT, job_id="order-17")
    assert [row.job_id for row in await outbox_rows(elsewhere, true())] == ["order-17"]

    published = InMemoryPublisher()
    await EnqueuedRows("email", elsewhere, published).publish_new(datetime.now(UTC))

    assert [job.job_id for job in published.published] == ["order-17"]
    assert await outbox_rows(elsewhere, true()) == []


async def test_enqueueing_by_sql_works_there_and_rings_its_relay(elsewhere: Database) -> None:
    """The function, the checks and the bell are those of the schema, and of no other."""
    relay = listen("email", elsewhere)
    try:
        await relay.wait(0.01)
        assert await elsewhere.ask(rings)
        async with elsewhere.write() as connection:
            await connection.execute(ENQUEUE, {"mail": MAIL})
        assert await asyncio.wait_for(relay.wait(5), 10)
    finally:
        await relay.close()
    assert await elsewhere.ask(lambda it: it.execute(select(outbox.c.service)).scalars().all()) == ["email"]


async def test_two_installations_in_one_database_do_not_ring_each_other(elsewhere: Database, shop_url: str) -> None:
    """A relay that is awake in one schema does not silence the other's; provisioning tells of both."""
    told, *_ = await migrate(shop_url, "none")
    assert told.startswith("the schema shop_jobs has Nightshift's tables, too, which stay as they are")
    await let_producers(shop_url, ["email.send"], notify=True)
    async with AsyncExitStack() as stack:
        usual = await stack.enter_async_context(_at(shop_url))
        mine, other = listen("email", elsewhere), listen("email", usual)
        stack.push_async_callback(mine.close)
        stack.push_async_callback(other.close)
        for relay in (mine, other):
            await relay.wait(0.01)
        await other.hush()
        async with elsewhere.write() as connection:
            await connection.execute(ENQUEUE, {"mail": MAIL})
        assert await asyncio.wait_for(mine.wait(5), 10)
        assert not await other.wait(0.05)


async def test_roles_and_grants_are_for_the_schema_of_the_setting(shop_url: str) -> None:
    """A role of a service reaches our tables where they are."""
    url = with_schema(shop_url, "shop_jobs")

    done = await migrate(f"{url}&search_path=shop_services", roles={"producer": "x" * 20})

    assert "nightshift_producer may USAGE schema shop_jobs" in done
    assert any("EXECUTE shop_jobs.enqueue" in line for line in done)
    async with _at(shop_url) as shop:
        await _do(shop, "DROP OWNED BY nightshift_producer", "DROP ROLE nightshift_producer")


async def test_tables_that_are_missing_from_the_schema_of_the_setting_are_an_outage(shop_url: str) -> None:
    """A worker that was given the wrong name waits, and says what to do."""
    async with _at(with_schema(shop_url, "wrong_place")) as database:
        with pytest.raises(Unavailable, match=r"wrong_place.*run `nightshift provision`"):
            await database.probe()
        with pytest.raises(Unavailable, match=r"wrong_place.*run `nightshift provision`"):
            await database.ask(lambda it: it.execute(select(outbox)).all())


@pytest.mark.parametrize("name", ["public", "pg_temp", "Jobs", "a b", "x" * 42, "", "jobs;--"])
def test_a_schema_of_a_name_that_cannot_be_is_told(name: str) -> None:
    """It stands in statements as it is: small letters, digits and _, and nobody else's."""
    with pytest.raises(ValueError, match=r"schema of Nightshift's tables cannot be"):
        with_schema("postgresql://127.0.0.1/shop", name)


def test_a_schema_is_for_postgresql_alone() -> None:
    """SQLite has none; what the URL itself says is checked as well."""
    with pytest.raises(ValueError, match="DATABASE_SCHEMA is set, but SQLite has no schemas"):
        with_schema("sqlite:////tmp/x.db", "jobs")
    with pytest.raises(ValueError, match="cannot be 'public'"):
        parse("postgresql://127.0.0.1/shop?nightshift_schema=public")


def test_provision_says_whose_the_database_is_in_one_line(tmp_path: Path) -> None:
    """On the command line, before the broker is asked; and the exit code says that it failed."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(";".join(APPLICATION))
        before = connection.execute("SELECT * FROM sqlite_master").fetchall()
    environ = {
        **os.environ,
        "DATABASE_URL": sqlite_url(file),
        "NATS_URL": "nats://127.0.0.1:9",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "key",
        "S3_SECRET_KEY": "secret",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}",
    }
    command = [sys.executable, "-m", "nightshift.runtime.provision"]

    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=60)  # noqa: S603

    (line,) = (done.stdout + done.stderr).splitlines()
    assert "belongs to another program: table users already exists" in line
    assert done.returncode == 1
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == before
