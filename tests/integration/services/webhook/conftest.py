"""The webhook suite runs on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from nightshift.database import sqlite_url
from tests.databases import postgres_database
from tests.integration.database.conftest import postgres
from tests.integration.services.webhook.desk import Desk, open_desk

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(tmp_path / "nightshift.db")
        else:
            url = await stack.enter_async_context(postgres_database(request.getfixturevalue("postgres")))
        yield await stack.enter_async_context(open_desk(url))
