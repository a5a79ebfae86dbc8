"""The sync suite runs on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import database_of, kinds
from tests.integration.services.sync.desk import Desk, open_desk


@pytest.fixture(params=kinds())
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with database_of(request.param, tmp_path) as url, open_desk(url) as opened:
        yield opened
