"""The database suite runs on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from shared.database import Database, migrate, open_database, sqlite_url

POSTGRES_VARIABLE = "TEST_POSTGRES_URL"
"""A server and a user that may create databases, such as postgresql://postgres:password@127.0.0.1:5432/postgres."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what asks for `url` once for each kind of database at hand, what asks for `postgres_url` only there."""
    server = os.environ.get(POSTGRES_VARIABLE)
    if "url" in metafunc.fixturenames:
        metafunc.parametrize("url", ["sqlite", *(["postgresql"] if server else [])], indirect=True, scope="module")
    if "postgres_url" in metafunc.fixturenames:
        metafunc.parametrize("postgres_url", ["postgresql"] if server else [], indirect=True, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Takes away what needs a PostgreSQL server where none is named: it is not part of this run."""
    if not os.environ.get(POSTGRES_VARIABLE):
        items[:] = [item for item in items if "postgres_url" not in getattr(item, "fixturenames", ())]


@pytest.fixture(scope="module")
async def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """An empty database of this module's own."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path_factory.mktemp("a b%20c?d") / "night shift.db")
    else:
        async for address in _postgres_database():
            yield address


@pytest.fixture(scope="module")
async def postgres_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An empty PostgreSQL database of this module's own."""
    del request
    async for address in _postgres_database():
        yield address


async def _postgres_database() -> AsyncIterator[str]:
    server = os.environ[POSTGRES_VARIABLE]
    name = f"nightshift_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture(scope="module")
async def database(url: str) -> AsyncIterator[Database]:
    """That database with the schema in it."""
    await migrate(url)
    opened = open_database(url)
    yield opened
    await opened.close()
