"""Cleanups run on SQLite, and on PostgreSQL too where TEST_POSTGRES_URL names a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from demo.seed import seed
from nightshift.database import migrate, open_database
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.s3 import open_objects
from nightshift.objects.s3_transfers import open_transfers
from tests.databases import database_of, kinds
from tests.integration.services.maintenance.harness import NOW, CleanupHarness

SEEDED_ROWS = 100_000


@pytest.fixture(params=kinds())
async def harness(
    request: pytest.FixtureRequest, objects_server: ObjectServer, tmp_path: Path
) -> AsyncIterator[CleanupHarness]:
    """Empty ones of everything."""
    async with _opened(request.param, objects_server, tmp_path) as empty:
        yield empty


@pytest.fixture(scope="module", params=kinds())
async def seeded(
    request: pytest.FixtureRequest, objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[CleanupHarness]:
    """The sample database, filled once for the module: each test cleans another table of it."""
    async with _opened(request.param, objects_server, tmp_path_factory.mktemp("seeded")) as filled:
        await seed(filled.database, rows=SEEDED_ROWS, seed=1, now=NOW)
        yield filled


@asynccontextmanager
async def _opened(kind: str, server: ObjectServer, folder: Path) -> AsyncIterator[CleanupHarness]:
    async with database_of(kind, folder) as url:
        await migrate(url)
        database = open_database(url)
        store = (server.endpoint, server.access_key, server.secret_key, f"b-{uuid4().hex}")
        objects, transfers = open_objects(*store), open_transfers(*store)
        await objects.ensure_bucket()
        try:
            yield CleanupHarness(database, objects, transfers)
        finally:
            await transfers.close()
            await objects.close()
            await database.close()
