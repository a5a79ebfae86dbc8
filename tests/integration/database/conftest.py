"""The database suite runs on SQLite and on PostgreSQL: the server that TEST_POSTGRES_URL names, or one of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from nightshift.database import Database, migrate, open_database, sqlite_url
from tests.databases import POSTGRES_VARIABLE, postgres_database
from tests.integration.services.email.certificates import make_certificates
from tests.postgres_server import postgres_server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a database once on each kind of them."""
    if "server" in metafunc.fixturenames:
        metafunc.parametrize("server", ["sqlite", "postgresql"], indirect=True, scope="module")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server and of a user who may create databases."""
    if os.environ.get(POSTGRES_VARIABLE):
        yield os.environ[POSTGRES_VARIABLE]
        return
    stack = AsyncExitStack()
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    # A thread with a loop of its own: the server outlives the loops of the test modules.
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        server = thread.submit(runner.run, stack.enter_async_context(postgres_server(certificates))).result()
        yield server.url
        thread.submit(runner.run, stack.aclose()).result()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> str | None:
    """The PostgreSQL server for this module's database; None on SQLite. Started only when it is asked for."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("postgres")
    return address


@pytest.fixture(scope="module")
async def url(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """An empty database of this module's own."""
    if server is None:
        yield sqlite_url(tmp_path_factory.mktemp("a b%20c?d") / "night shift.db")
    else:
        async with postgres_database(server) as address:
            yield address


@pytest.fixture
async def empty(server: str | None, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of this test's own with nothing in it."""
    async with AsyncExitStack() as stack:
        address = (
            await stack.enter_async_context(postgres_database(server)) if server else sqlite_url(tmp_path / "x.db")
        )
        opened = open_database(address)
        stack.push_async_callback(opened.close)
        yield opened


@pytest.fixture(scope="module")
async def postgres_url(postgres: str) -> AsyncIterator[str]:
    """An empty PostgreSQL database of this module's own."""
    async with postgres_database(postgres) as address:
        yield address


@pytest.fixture(scope="module")
async def database(url: str) -> AsyncIterator[Database]:
    """That database with the tables in it."""
    await migrate(url)
    opened = open_database(url)
    yield opened
    await opened.close()
