"""The migrations make exactly the tables that the code uses, all or nothing."""

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from nightshift.database import Database, MigrationError, history_states, migrate, open_database, sqlite_url
from nightshift.database.migrations.history import LIBRARY, application_history
from nightshift.database.migrations.runner import check_references
from nightshift.outcomes import Unavailable
from tests.integration.database.snapshot import create_directly, snapshot

INBOX = "processed_messages"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Database]:
    """An SQLite file with nothing in it."""
    database = open_database(sqlite_url(tmp_path / "empty.db"))
    yield database
    await database.close()


async def _do(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_the_migrated_tables_are_the_declared_ones(database: Database, empty: Database) -> None:
    """A change of a table without a migration, or the other way round, is found here."""
    await create_directly(empty)

    migrated, direct = await snapshot(database), await snapshot(empty)

    assert migrated == direct
    assert len(direct) == 22


async def test_migrating_tells_what_it_did_and_does_it_once(empty: Database) -> None:
    """An empty database comes to the newest revision of both histories; a second time there is nothing to do."""
    states = await history_states(empty)
    assert [(state.package, state.at) for state in states] == [("nightshift", None), ("schema", None)]

    assert await migrate(empty) == [
        f"tables of {state.package} brought from nothing to {state.head}" for state in states
    ]

    assert all(state.at == state.head for state in await history_states(empty))
    assert await migrate(empty.url) == []


async def test_the_library_needs_no_application(empty: Database) -> None:
    """Who has tables of their own elsewhere gets the library's seven, and none of the shipped services'."""
    assert await migrate(empty, "none") == ["tables of nightshift brought from nothing to 0007"]

    assert [state.package for state in await history_states(empty, "none")] == ["nightshift"]
    assert {name.rpartition(".")[2] for name in await snapshot(empty)} == {
        *(INBOX, "outbox", "crash_marks", "leases", "producer_types", "gateway_keys", "received_webhooks")
    }


@pytest.mark.parametrize("package", ["nightshift", "schema"])
async def test_a_database_of_a_newer_version_is_left_alone(empty: Database, package: str) -> None:
    """An old program must not touch it, and a person reads what to do."""
    await migrate(empty)
    table = "nightshift_schema_version" if package == "schema" else "nightshift_version"
    if empty.dialect == "postgresql" and package == "nightshift":
        table = f"nightshift.{table}"
    await _do(empty, f"UPDATE {table} SET version_num = 'ffff'")  # noqa: S608 - a table of the test

    with pytest.raises(MigrationError, match=rf"tables of {package} are at revision ffff.*newer one. Run that version"):
        await migrate(empty)


@pytest.mark.parametrize("in_the_way", ["reports", "outbox"])
async def test_a_table_in_the_way_leaves_all_as_it_was(empty: Database, in_the_way: str) -> None:
    """Somebody else's table of that name is named and kept, and the steps before it are undone."""
    if empty.dialect == "postgresql" and in_the_way == "outbox":
        await _do(empty, "CREATE SCHEMA nightshift")
        in_the_way = "nightshift.outbox"
    await _do(empty, f"CREATE TABLE {in_the_way} (mine TEXT)")
    before = await snapshot(empty)

    with pytest.raises(MigrationError, match=r"belongs to another program: .*(reports|outbox).*Nothing was changed"):
        await migrate(empty)

    assert await snapshot(empty) == before
    assert list(before) == [in_the_way]
    assert {state.at for state in await history_states(empty)} == {None}


async def test_the_version_table_of_an_application_is_its_own(empty: Database) -> None:
    """An application's own Alembic, even with a revision of the same name, is none of our business."""
    await _do(
        empty,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('0001')",
        *(
            [f"CREATE TABLE {INBOX} (id TEXT)", "CREATE TABLE outbox (id TEXT)"]
            if empty.dialect == "postgresql"
            else []
        ),
    )

    await migrate(empty)

    assert "columns" in (await snapshot(empty))["users"]
    async with empty.read() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == "0001"


async def test_two_packages_have_two_version_tables(
    file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another application's first revision is not taken for the one that the database has had."""
    folder = tmp_path / "acme" / "migrations"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder.parent / "__init__.py").touch()
    (folder / "v0001_orders.py").write_text(
        "from alembic import op\nrevision, down_revision = '0001', None\n"
        "def upgrade() -> None:\n    op.execute('CREATE TABLE orders (id TEXT)')\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    await migrate(file)

    assert await migrate(file, "acme") == ["tables of acme brought from nothing to 0001"]

    assert "orders" in await snapshot(file)


def test_a_package_without_migrations_is_named() -> None:
    """A typing mistake in SCHEMA_PACKAGE is told, whether there is no such package or only no migrations in it."""
    for package in ("shcema", "json", "contracts"):
        with pytest.raises(MigrationError, match=rf"no Python package {package}\.migrations.*write none"):
            application_history(package)


def test_without_a_setting_the_application_is_the_package_schema(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is found if it is there; a module of that name by somebody else, without migrations, is not taken for it."""
    history = application_history()
    assert history is not None
    assert (history.package, history.version_table) == ("schema", "nightshift_schema_version")

    (tmp_path / "schema.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(p for p in sys.path if not Path(p, "schema").is_dir())])
    for name in [name for name in sys.modules if name == "schema" or name.startswith("schema.")]:
        monkeypatch.delitem(sys.modules, name)
    assert application_history() is None
    assert application_history("none") is None


def test_migrations_of_alembics_own_command_are_left_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package `schema`, or one that is named, with an `env.py` beside its revisions is somebody's own Alembic."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(p for p in sys.path if not Path(p, "schema").is_dir())])
    for name in [name for name in sys.modules if name == "schema" or name.startswith("schema.")]:
        monkeypatch.delitem(sys.modules, name)
    migrations = tmp_path / "schema" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_orders.sql").touch()
    assert application_history() is None

    (migrations / "env.py").touch()
    (migrations / "v0001_orders.py").touch()
    assert application_history() is None
    with pytest.raises(MigrationError, match=r"schema\.migrations has an Alembic environment of its own \(env\.py\)"):
        application_history("schema")


async def test_broken_references_are_found_before_the_commit(file: Database, tmp_path: Path) -> None:
    """References are not enforced while SQLite's tables are copied, so they are looked at in the end."""
    await migrate(file)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as unchecked, unchecked:
        unchecked.execute("INSERT INTO sessions VALUES ('s', 'nobody', '2026-01-01', '2026-01-01')")

    with pytest.raises(MigrationError, match=r"rows of table sessions.*missing rows of users"):
        async with file.read() as connection:
            await connection.run_sync(check_references)


async def test_migrating_what_is_away_is_an_outage(tmp_path: Path) -> None:
    """A folder that does not exist is said so, with the file's name."""
    with pytest.raises(Unavailable, match=r"nowhere.*unable to open"):
        await migrate(sqlite_url(tmp_path / "nowhere" / "x.db"))


def test_the_newest_revision_is_known_without_a_database() -> None:
    """The program knows what it needs."""
    assert LIBRARY.head() == "0007"
