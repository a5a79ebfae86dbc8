"""The sync suite runs on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.integration.sync.desk import Desk, open_desk

SERVER = "TEST_POSTGRES_URL"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what asks for a desk once for each kind of database at hand."""
    if "desk" in metafunc.fixturenames:
        kinds = ["sqlite", *(["postgresql"] if os.environ.get(SERVER) else [])]
        metafunc.parametrize("desk", kinds, indirect=True)


@pytest.fixture
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    if request.param == "sqlite":
        async with open_desk(f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}") as opened:
            yield opened
        return
    server, name = os.environ[SERVER], f"nightshift_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    async with open_desk(make_url(server).set(database=name).render_as_string(hide_password=False)) as opened:
        yield opened
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()
