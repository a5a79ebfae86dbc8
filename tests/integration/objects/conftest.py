"""Fixtures of the object store's tests."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.s3 import S3ObjectStore, open_objects

pytest.register_assert_rewrite("tests.integration.objects.rules", "tests.integration.objects.transfer_rules")


@pytest.fixture(scope="module")
async def s3(objects_server: ObjectServer) -> AsyncIterator[S3ObjectStore]:
    """A bucket of its own in the real object store, over the real protocol."""
    server = objects_server
    store = open_objects(server.endpoint, server.access_key, server.secret_key, f"b-{uuid4().hex}", read_seconds=5)
    await store.ensure_bucket()
    yield store
    await store.close()
