"""The migrations make exactly the tables that the code uses, all or nothing."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from nightshift.database import Database, MigrationError, current_revision, head, migrate, open_database, sqlite_url
from nightshift.database.migrations.runner import check_references
from nightshift.outcomes import Unavailable
from schema.tables import metadata


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    database = open_database(sqlite_url(tmp_path / "empty.db"))
    yield database
    await database.close()


async def _inspect(database: Database, look: Callable[[Connection], Any]) -> Any:
    async with database.read() as connection:
        return await connection.run_sync(look)


def _differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "target_metadata": metadata}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def _rules(connection: Connection) -> dict[str, Any]:
    """What Alembic's comparison leaves out: checks, and what happens to a row whose owner goes."""
    found = inspect(connection)
    checks = {(name, check["name"]) for name in found.get_table_names() for check in found.get_check_constraints(name)}
    keys = {
        (name, key["name"], key["options"].get("ondelete"))
        for name in found.get_table_names()
        for key in found.get_foreign_keys(name)
    }
    defaults = {
        (name, column["name"])
        for name in found.get_table_names()
        for column in found.get_columns(name)
        if column["default"] is not None
    }
    return {"checks": checks, "keys": keys, "defaults": defaults}


async def test_the_migrated_schema_is_the_tables(database: Database) -> None:
    """A change of a table without a migration, or the other way round, is found here."""
    assert await _inspect(database, _differences) == []


async def test_the_migrated_rules_are_the_tables(database: Database, empty: Database) -> None:
    """Checks, defaults and what deleting an owner does are the same as in the tables too."""
    async with empty.write() as connection:
        await connection.run_sync(metadata.create_all)

    migrated, direct = await _inspect(database, _rules), await _inspect(empty, _rules)

    assert migrated == direct
    assert all(direct.values())


async def test_migrating_tells_what_it_did_and_does_it_once(empty: Database) -> None:
    """An empty database comes to the newest revision; a second time there is nothing to do."""
    assert await current_revision(empty) is None

    assert await migrate(empty) == [f"database schema brought from nothing to {head()}"]

    assert await current_revision(empty) == head()
    assert await migrate(empty.url) == []


async def test_a_database_of_a_newer_version_is_left_alone(empty: Database) -> None:
    """An old program must not touch it, and a person reads what to do."""
    await migrate(empty)
    async with empty.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))

    with pytest.raises(MigrationError, match=r"revision ffff.*newer"):
        await migrate(empty)


async def test_a_migration_that_fails_leaves_nothing_behind(empty: Database) -> None:
    """A table in the way of a step undoes the steps before it: the database is as it was."""
    async with empty.write() as connection:
        await connection.execute(text("CREATE TABLE reports (mine TEXT)"))

    with pytest.raises(Exception, match="reports"):
        await migrate(empty)

    assert await _inspect(empty, lambda connection: inspect(connection).get_table_names()) == ["reports"]


async def test_broken_references_are_found_before_the_commit(empty: Database, tmp_path: Path) -> None:
    """References are not enforced while SQLite's tables are copied, so they are looked at in the end."""
    await migrate(empty)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as unchecked, unchecked:
        unchecked.execute("INSERT INTO sessions VALUES ('s', 'nobody', '2026-01-01', '2026-01-01')")

    with pytest.raises(MigrationError, match=r"rows of table sessions.*missing rows of users"):
        await _inspect(empty, check_references)


async def test_migrating_what_is_away_is_an_outage(tmp_path: Path) -> None:
    """A folder that does not exist is said so, with the file's name."""
    with pytest.raises(Unavailable, match=r"nowhere.*unable to open"):
        await migrate(sqlite_url(tmp_path / "nowhere" / "x.db"))
