"""The database suite runs on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

import os
from collections.abc import AsyncIterator

import pytest

from nightshift.database import Database, migrate, open_database, sqlite_url
from tests.databases import POSTGRES_VARIABLE, kinds, postgres_database


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what asks for `url` once for each kind of database at hand, what asks for `postgres_url` only there."""
    if "url" in metafunc.fixturenames:
        metafunc.parametrize("url", kinds(), indirect=True, scope="module")
    if "postgres_url" in metafunc.fixturenames:
        metafunc.parametrize("postgres_url", kinds()[1:], indirect=True, scope="module")


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
        async with postgres_database(os.environ[POSTGRES_VARIABLE]) as address:
            yield address


@pytest.fixture(scope="module")
async def postgres_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An empty PostgreSQL database of this module's own."""
    del request
    async with postgres_database(os.environ[POSTGRES_VARIABLE]) as address:
        yield address


@pytest.fixture(scope="module")
async def database(url: str) -> AsyncIterator[Database]:
    """That database with the schema in it."""
    await migrate(url)
    opened = open_database(url)
    yield opened
    await opened.close()
