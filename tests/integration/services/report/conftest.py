"""Reports run on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

from collections.abc import AsyncIterator

import pytest

from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import outbox, processed_messages
from schema.tables import metadata
from tests.integration.database.conftest import postgres, pytest_generate_tests, server, url

__all__ = ["postgres", "pytest_generate_tests", "server", "url"]


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The schema, with nothing in it."""
    await migrate(url)
    opened = open_database(url)
    async with opened.write() as connection:
        for table in (*reversed(metadata.sorted_tables), outbox, processed_messages):
            await connection.execute(table.delete())
    yield opened
    await opened.close()
