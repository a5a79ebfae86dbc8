"""A SQLite file that is locked, full, broken or not there makes the database unavailable, in words."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from nightshift.database import Database, migrate, open_database, sqlite, sqlite_url
from nightshift.outcomes import Unavailable
from schema.tables import users


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database's file is, or will be."""
    return tmp_path / "file.db"


@pytest.fixture
async def impatient(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database that waits for other writers for half a second only."""
    await migrate(sqlite_url(file))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.5)
    database = open_database(sqlite_url(file))
    yield database
    await database.close()


async def _add(database: Database, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(users.insert(), {"email": name, "name": name})


async def test_a_file_locked_for_too_long_is_an_outage(impatient: Database, file: Path) -> None:
    """Another process holds the lock: writing and the probe say so, reading goes on, and then all is well again."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"file\.db: database is locked") as caught:
            await _add(impatient, "a")
        with pytest.raises(Unavailable, match="database is locked"):
            await impatient.probe()
        async with impatient.read() as connection:
            assert (await connection.execute(users.select())).all() == []
        other.execute("ROLLBACK")

    assert caught.value.component == "database"
    await _add(impatient, "a")


async def test_a_writer_cancelled_at_the_lock_does_not_take_it_later(impatient: Database, file: Path) -> None:
    """Its wait goes on in a thread for a moment; the lock it may still get is given back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(_add(impatient, "cancelled"))
        await asyncio.sleep(0.1)
        task.cancel()
        other.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await task

    await _add(impatient, "next")
    async with impatient.read() as connection:
        assert list((await connection.execute(users.select().with_only_columns(users.c.name))).scalars()) == ["next"]


async def test_a_full_disk_is_an_outage(impatient: Database) -> None:
    """Rows that find no space undo their transaction and blame the database, not the job."""
    async with impatient.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 1}"))

    with pytest.raises(Unavailable, match="database or disk is full"):
        await _add(impatient, "x" * 100_000)

    async with impatient.read() as connection:
        assert (await connection.execute(users.select())).all() == []


async def test_a_disk_that_is_nearly_full_fails_the_probe(impatient: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The little that the probe writes would still find space, and the job that goes on because of it would not."""
    monkeypatch.setattr(sqlite, "RESERVE_BYTES", 1 << 60)

    with pytest.raises(Unavailable, match=r"disk is full but for \d+ KiB"):
        await impatient.probe()


async def test_a_database_that_nobody_may_write_is_an_outage_for_writers(impatient: Database) -> None:
    """A file system mounted read-only is the machine's fault."""
    async with impatient.write() as connection:
        await connection.execute(text("PRAGMA query_only = ON"))

    with pytest.raises(Unavailable, match="readonly"):
        await _add(impatient, "a")
    with pytest.raises(Unavailable, match="readonly"):
        await impatient.probe()


async def test_a_file_that_is_no_database_is_an_outage(file: Path) -> None:
    """A file of something else, or a damaged one, is named and left as it is."""
    content = b"not a database" * 1000
    await asyncio.to_thread(file.write_bytes, content)
    database = open_database(sqlite_url(file))

    with pytest.raises(Unavailable, match=r"file\.db: file is not a database"):
        await database.probe()

    await database.close()
    assert await asyncio.to_thread(file.read_bytes) == content


async def test_a_folder_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    """A disk that is not mounted: the path is in the text, and both ways of opening say so."""
    database = open_database(sqlite_url(tmp_path / "nowhere" / "file.db"))

    with pytest.raises(Unavailable, match=r"nowhere/file\.db: unable to open database file"):
        await database.probe()
    with pytest.raises(Unavailable, match="unable to open"):
        async with database.read():
            pass
    await database.close()


async def test_a_wrong_statement_is_no_outage(impatient: Database) -> None:
    """Waiting does not help it: it passes as it is."""
    with pytest.raises(OperationalError, match="no such table"):
        async with impatient.write() as connection:
            await connection.execute(text("DELETE FROM nowhere"))


async def test_a_commit_is_on_the_disk(impatient: Database) -> None:
    """The settings that the guarantees rest on are in force on each connection, whoever opened the file before."""
    async with impatient.write() as connection:
        values = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
