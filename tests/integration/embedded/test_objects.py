"""The embedded object store."""

import contextlib
import io
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from minio import Minio
from minio.error import S3Error

from nightshift.embedded.servers.object_store import ObjectServer, remove_dead_sockets


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    """Connections that are closed afterwards."""
    with urllib3.PoolManager(timeout=10, retries=False) as pool:
        yield pool


def _client(server: ObjectServer, pool: urllib3.PoolManager, **keys: str) -> Minio:
    known = {"access_key": server.access_key, "secret_key": server.secret_key} | keys
    return Minio(server.address, secure=False, region="us-east-1", http_client=pool, **known)  # type: ignore[arg-type]  # all of them are texts


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key": "unknown"}, "InvalidAccessKeyId"),
    ],
)
def test_wrong_keys_are_refused(
    objects_server: ObjectServer, pool: urllib3.PoolManager, keys: dict[str, str], code: str
) -> None:
    """Only the keys of this stack open it."""
    with pytest.raises(S3Error) as raised:
        _client(objects_server, pool, **keys).list_buckets()
    assert raised.value.code == code


def test_a_request_without_keys_is_refused(objects_server: ObjectServer, pool: urllib3.PoolManager) -> None:
    """Anonymous access is closed."""
    assert pool.request("GET", f"{objects_server.endpoint}/").status == 403


def test_nothing_behind_s3_answers_without_keys(objects_server: ObjectServer, pool: urllib3.PoolManager) -> None:
    """The filer would show every file, and take new ones."""
    for port in objects_server._ports:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            answer = pool.request("GET", f"http://127.0.0.1:{port}/buckets/", headers={"Accept": "application/json"})
            assert b"Entries" not in answer.data, port


def test_a_bucket_is_not_made_by_an_upload(objects_server: ObjectServer, pool: urllib3.PoolManager) -> None:
    """A mistyped bucket is an error, as on other S3 servers."""
    with pytest.raises(S3Error) as raised:
        _client(objects_server, pool).put_object("mistyped", "key", io.BytesIO(b"x"), 1)
    assert raised.value.code == "NoSuchBucket"


@pytest.mark.parametrize("way", ["restart", "kill"])
async def test_objects_outlive_a_restart(objects_server: ObjectServer, pool: urllib3.PoolManager, way: str) -> None:
    """What was stored is there after a stop in good order and after a kill, on the same address with the same keys."""
    endpoint, client = objects_server.endpoint, _client(objects_server, pool)
    client.make_bucket(f"bucket-{way}")
    client.put_object(f"bucket-{way}", "a key/ö", io.BytesIO(b"kept"), 4)
    if way == "restart":
        await objects_server.restart()
    else:
        await objects_server.kill()
        await objects_server.start()
    assert objects_server.endpoint == endpoint
    assert client.get_object(f"bucket-{way}", "a key/ö").data == b"kept"


def test_sockets_of_servers_that_were_killed_with_their_stack_are_removed() -> None:
    """At the next start; those of living servers, young ones and other files stay."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as alive:
        folder = Path(name)
        alive.bind(str(folder / "seaweedfs-s3-1.sock"))
        alive.listen()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / "seaweedfs-filer-2.sock"))
        (folder / "seaweedfs-notes.sock").touch()
        remove_dead_sockets(folder)
        assert len(list(folder.iterdir())) == 3
        remove_dead_sockets(folder, older_than_seconds=0)
        assert {path.name for path in folder.iterdir()} == {"seaweedfs-s3-1.sock", "seaweedfs-notes.sock"}
