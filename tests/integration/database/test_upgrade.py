"""A filled database of version 0.1.0, which had one history of migrations, is brought up to date with all its rows."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError

from nightshift.database import Database, MigrationError, history_states, migrate
from nightshift.database.tables import SCHEMAS_ON_SQLITE, outbox, processed_messages
from nightshift.messaging import inbox
from schema.tables import files, sessions, users
from tests.integration.database import children
from tests.integration.database.snapshot import rows, snapshot

RELEASED = Path(__file__).parent / "released"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
DONE = [
    {"consumer": "email", "type": "email.send", "id": f"job-{number}", "processed_at": NOW - timedelta(days=number)}
    for number in range(1000)
]
MARKS = [
    {"consumer": "email", "type": "last-life", "id": "EMAIL:7:1761955200000000000", "processed_at": NOW},
    {"consumer": "upload", "type": "last-life", "id": "UPLOAD:9:1761955200000000001", "processed_at": NOW},
]
TURNS = [{"consumer": name, "type": "sweep", "id": "000088097760", "processed_at": NOW} for name in ("email", "sync")]
WAITING = [
    {
        "id": f"report/report.generate/weekly/{number}",
        "consumer": "report",
        "type": "report.generate" if number else None,
        "parent_id": "weekly" if number else None,
        "subject": "jobs.email.send",
        "body": b'{"to": "\xf0\x9f\x98\x80"}\x00',
        "headers": {"Job-Id": "weekly", "traceparent": "00-1-2-00"},
        "not_before": NOW + timedelta(days=1) if number else None,
        "created_at": NOW,
    }
    for number in range(3)
]


@dataclass(frozen=True)
class Filled:
    """A database of 0.1.0, and what was in it."""

    database: Database
    before: dict[str, list[tuple[Any, ...]]]

    def table(self, name: str) -> str:
        """Where a table of the library is now."""
        return f"nightshift.{name}" if self.database.dialect == "postgresql" else name


_MAIL = (
    "INSERT INTO email_deliveries (id, job_id, recipients, subject, transport, provider_id, message_id, sent_at) "
    """VALUES ('m', 'job-7', '["ada@example.com"]', 'Hi', 'smtp', 'q1', '<job-7@acme.example>', """
    "'2026-11-01 00:00:00.000000+00:00')"
)
"""As 0.1.0 wrote it; the table has more columns now."""


def _fill(connection: Connection) -> None:
    connection = connection.execution_options(schema_translate_map=SCHEMAS_ON_SQLITE)  # as it was on both
    connection.execute(insert(processed_messages), [*DONE, *MARKS, *TURNS])
    connection.execute(insert(outbox), WAITING)
    connection.execute(insert(users), {"id": "ada", "email": "ada@example.com", "created_at": NOW})
    connection.execute(insert(sessions), {"id": "s", "user_id": "ada", "created_at": NOW, "expires_at": NOW})
    connection.exec_driver_sql(_MAIL)
    file = {"id": "f", "user_id": "ada", "object_key": "uploads/f", "original_name": "f", "metadata": {"kind": "pdf"}}
    connection.execute(insert(files), file | {"created_at": NOW})


async def fill(database: Database) -> Filled:
    """Make the tables of 0.1.0 and fill them."""
    dump = (RELEASED / f"0.1.0-{database.dialect}.sql").read_text()
    statements = [part for part in dump.split(";\n") if part.strip() not in {"", "BEGIN TRANSACTION", "COMMIT"}]
    async with database.write() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
        await connection.run_sync(_fill)
    tables = ("processed_messages", "outbox", "users", "sessions", "files", "alembic_version")
    return Filled(database, {table: await rows(database, table) for table in tables})


@pytest.fixture
async def old(empty: Database) -> Filled:
    """A filled database of 0.1.0."""
    return await fill(empty)


async def test_every_row_is_kept(old: Filled) -> None:
    """Inbox, outbox and the application's rows are there as they were; crash marks move, leases that expired go."""
    taken_over, *brought = await migrate(old.database)

    assert taken_over == "database of version 0.1.0 taken over: its history of migrations split in two, all rows kept"
    assert brought == [
        f"tables of {state.package} brought from 0001 to {state.head}" for state in await history_states(old.database)
    ]

    new = (None, 0, None, None)  # service, tries, retry_at, error
    assert await rows(old.database, old.table("outbox")) == [(*row, *new) for row in old.before["outbox"]]
    for table in ("users", "sessions", "files"):
        assert await rows(old.database, table) == old.before[table]
    async with old.database.read() as connection:
        query = text("SELECT id, job_id, subject, transport, provider_id, status, tries FROM email_deliveries")
        assert [tuple(row) for row in await connection.execute(query)] == [
            ("m", "job-7", "Hi", "smtp", "q1", "sent", 0)
        ]
    pseudo = ("last-life", "sweep")
    jobs = [row for row in old.before["processed_messages"] if row[1] not in pseudo]
    unknown = (None,) * 5  # how it ended, attempt, time, tenant, result
    assert await rows(old.database, old.table("processed_messages")) == [(*job, *unknown) for job in jobs]
    assert len(jobs) == len(DONE)
    marks = [(row[0], row[2], 0, True, row[3]) for row in old.before["processed_messages"] if row[1] == "last-life"]
    assert await rows(old.database, old.table("crash_marks")) == marks
    assert len(marks) == len(MARKS)
    assert await rows(old.database, old.table("leases")) == []


async def test_the_tables_are_those_of_a_new_database(old: Filled, database: Database) -> None:
    """Nobody can tell afterwards that the database was upgraded, and a second time there is nothing to do."""
    await migrate(old.database)

    assert await snapshot(old.database) == await snapshot(database)
    assert await history_states(old.database) == await history_states(database)
    assert await migrate(old.database) == []
    with pytest.raises(DBAPIError, match="alembic_version"):
        await rows(old.database, "alembic_version")


async def test_what_was_done_before_is_known_afterwards(old: Filled) -> None:
    """The guarantee outlives the upgrade: a job of before it that comes again finds its row."""
    await migrate(old.database)

    keys = [("email", "email.send", "job-7"), ("email", "email.send", "another")]
    assert await old.database.ask(lambda connection: inbox.done(connection, keys)) == {keys[0]}


async def test_an_application_that_has_no_package_any_more_keeps_its_tables(old: Filled) -> None:
    """With SCHEMA_PACKAGE=none the library takes what is its own; a later run with the package goes on from 0001."""
    await migrate(old.database, "none")

    assert await rows(old.database, "users") == old.before["users"]
    (_, application) = await history_states(old.database)
    assert await migrate(old.database) == [f"tables of schema brought from 0001 to {application.head}"]


async def test_a_step_that_fails_leaves_all_as_it_was(old: Filled) -> None:
    """Something is in the way of the last step: nothing has moved, and the old version could go on."""
    if old.database.dialect == "postgresql":
        async with old.database.write() as connection:
            await connection.execute(text("CREATE SCHEMA nightshift"))
    async with old.database.write() as connection:
        await connection.execute(text(f"CREATE TABLE {old.table('leases')} (mine TEXT)"))
    before = await snapshot(old.database)

    with pytest.raises(MigrationError, match=r"leases\W+already exists. Nothing was changed"):
        await migrate(old.database)

    assert await snapshot(old.database) == before
    assert {table: await rows(old.database, table) for table in old.before} == old.before


async def test_processes_that_upgrade_at_once_do_it_once(old: Filled) -> None:
    """The services of a stack may all be started on the old database: one moves the rows, the others wait for it."""
    steps = await asyncio.gather(*(children.run("migrate", old.database.url) for _ in range(3)))

    assert sorted(steps)[:2] == ["0", "0"]
    assert int(max(steps)) > 1
    assert len(await rows(old.database, old.table("processed_messages"))) == len(DONE)
