"""What each service may do with the bucket, and that it may do nothing else: its key at a real SeaweedFS."""

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable

import pytest
from minio import Minio
from minio.commonconfig import CopySource
from minio.error import S3Error

from nightshift.objects import ObjectStoreRefusedError
from nightshift.objects.s3 import open_objects
from nightshift.outcomes import Unavailable
from schema.access import OBJECTS
from tests.harness import eventually
from tests.integration.security.stores import BUCKET, WITH_KEY, Keys, object_keys

FOLDERS = ["claims/", "reports/", "thumbnails/", "uploads/", "doctor/", "reports-of-others/", ""]


@pytest.fixture(scope="module")
async def keys(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keys]:
    """The store with an object in every folder."""
    async with object_keys(tmp_path_factory.mktemp("objects")) as made:
        operator = open_objects(made.server.endpoint, made.server.access_key, made.server.secret_key, BUCKET)
        for folder in FOLDERS:
            await operator.put(f"{folder}object", b"content", "text/plain")
        await operator.close()
        yield made


async def _passes(call: Awaitable[object]) -> bool:
    try:
        await call
    except ObjectStoreRefusedError:
        return False
    return True


@pytest.mark.parametrize("service", WITH_KEY)
async def test_a_key_reaches_what_its_column_says_and_nothing_else(keys: Keys, service: str) -> None:
    """Read, write, delete and list in every folder: the cells of the page, the empty ones too."""
    store, access = keys.open(service), OBJECTS[service]

    async def listed(folder: str) -> list[str]:
        return [entry.key async for entry in store.list(folder)]

    found = {
        "read": [folder for folder in FOLDERS if await _passes(store.read(f"{folder}object", limit=100))],
        "stat": [folder for folder in FOLDERS if await _passes(store.stat(f"{folder}object"))],
        "write": [folder for folder in FOLDERS if await _passes(store.put(f"{folder}{service}", b"x", "text/plain"))],
        "delete": [folder for folder in FOLDERS if await _passes(store.delete(f"{folder}{service}"))],
        "list": [folder for folder in FOLDERS if await _passes(listed(folder))],
    }
    assert found == {
        "read": [folder for folder in FOLDERS if folder in access.read],
        "stat": [folder for folder in FOLDERS if folder in access.read],
        "write": [folder for folder in FOLDERS if folder in access.write],
        "delete": [folder for folder in FOLDERS if folder in access.write],
        "list": [folder for folder in FOLDERS if folder in access.list],
    }
    await store.probe()
    await store.close()


async def test_new_keys_are_read_without_a_restart(keys: Keys) -> None:
    """A release that brings a service brings its key: what the health check of the container does."""
    file = keys.server.folder / "s3.json"
    document = json.loads(file.read_text())
    newcomer = {"accessKey": "newcomer", "secretKey": "made-up"}
    document["identities"].append({"name": "newcomer", "credentials": [newcomer], "actions": ["Read:*"]})
    file.write_text(json.dumps(document))
    os.kill(keys.server.process.pid, signal.SIGHUP)
    store = open_objects(keys.server.endpoint, "newcomer", "made-up", BUCKET)

    async def known() -> bool:
        try:
            return await store.read("reports/object", limit=100) == b"content"
        except Unavailable:
            return False

    await eventually(known, what="the new key is known")
    await store.close()


def test_a_copy_is_no_way_around(keys: Keys) -> None:
    """Whoever may not read an object cannot have the store copy it to where it may read."""
    address = keys.server.endpoint.removeprefix("http://")
    client = Minio(address, "email", keys.secrets["email"], secure=False, region="us-east-1")
    client.copy_object(BUCKET, "claims/copy", CopySource(BUCKET, "reports/object"))
    with pytest.raises(S3Error, match="AccessDenied"):
        client.copy_object(BUCKET, "claims/copy", CopySource(BUCKET, "uploads/object"))
    assert client.list_buckets() == []
    with pytest.raises(S3Error, match="AccessDenied"):
        client.make_bucket("own-bucket")
