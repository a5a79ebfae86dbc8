"""A database and a bucket to clean up, and cleanups on them as the chassis runs them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from embedded.objects import Objects
from shared.database import migrate, open_database, sqlite_url
from shared.objects import open_objects
from tests.integration.maintenance.desk import Desk


@pytest.fixture
async def desk(objects_server: Objects, tmp_path: Path) -> AsyncIterator[Desk]:
    """Empty ones of everything."""
    url = sqlite_url(tmp_path / "nightshift.db")
    await migrate(url)
    database, server = open_database(url), objects_server
    objects = open_objects(server.endpoint, server.access_key, server.secret_key, f"b-{uuid4().hex}")
    await objects.ensure_bucket()
    yield Desk(database, objects)
    await objects.close()
    await database.close()
