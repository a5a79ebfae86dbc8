"""The real object store goes away, stays silent, comes back; or the settings for it are wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects import ObjectMissingError, ObjectTooLargeError
from nightshift.objects.s3 import S3ObjectStore, open_objects
from nightshift.outcomes import Unavailable


@pytest.fixture
async def impatient(objects_server: ObjectServer, s3: S3ObjectStore) -> AsyncIterator[S3ObjectStore]:
    """The same bucket, seen by a client that waits for half a second and has two threads."""
    bucket = s3.place.rpartition(" ")[2]
    server = objects_server
    opened = open_objects(
        server.endpoint, server.access_key, server.secret_key, bucket, read_seconds=0.5, connect_seconds=0.5, threads=2
    )
    yield opened
    await opened.close()


async def test_a_store_that_is_not_there_shows_in_seconds() -> None:
    """A refused connection is an outage at once, and names the server."""
    (port,) = free_ports(1)
    store = open_objects(f"http://127.0.0.1:{port}", "key", "secret", "main")
    began = time.monotonic()

    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}.*refused"):
        await store.stat("a")

    assert time.monotonic() - began < 3
    await store.close()


async def test_a_silent_store_shows_in_time_and_never_blocks_the_loop(
    objects_server: ObjectServer, impatient: S3ObjectStore, tmp_path: Path
) -> None:
    """Every method gives up after the time it was given, while the event loop goes on; then it works again."""
    await impatient.put("silence", b"x", "text/plain")
    (tmp_path / "file").write_bytes(b"x")
    objects_server.pause()
    began = time.monotonic()
    calls = (
        impatient.stat("silence"),
        impatient.read("silence", limit=10),
        impatient.put("silence", b"y", "text/plain"),
        impatient.upload("silence", tmp_path / "file", "text/plain"),
        impatient.delete("silence"),
        impatient.probe(),
    )
    try:
        pending = [asyncio.ensure_future(call) for call in calls]
        longest = await _longest_pause_until(pending)
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
    finally:
        objects_server.resume()

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * len(calls)
    assert time.monotonic() - began < 4
    assert longest < 0.4
    # Under another key: what was asked in vain may still happen, after this.
    await impatient.put("afterwards", b"z", "text/plain")
    assert await impatient.read("afterwards", limit=10) == b"z"


async def _longest_pause_until(pending: Sequence[asyncio.Future[Any]]) -> float:
    longest, last = 0.0, time.monotonic()
    while not all(future.done() for future in pending):
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


async def test_a_restarted_store_is_found_again(objects_server: ObjectServer, s3: S3ObjectStore) -> None:
    """Connections kept from before are no reason to fail, and what was stored is there."""
    await s3.put("kept/a", b"x", "text/plain")

    await objects_server.restart()

    async with asyncio.timeout(30):
        # It answers before all of its parts have found each other again.
        while not await _answers(s3):  # noqa: ASYNC110 - a server gives no signal
            await asyncio.sleep(0.1)
    assert await s3.read("kept/a", limit=10) == b"x"
    await s3.probe()


async def _answers(store: S3ObjectStore) -> bool:
    try:
        await store.read("kept/a", limit=10)
    except Unavailable:
        return False
    return True


async def test_more_callers_than_threads_wait_their_turn(s3: S3ObjectStore) -> None:
    """Many more calls at once than the store has threads and connections all end well."""
    await asyncio.gather(*(s3.put(f"many/{n}", b"x", "text/plain") for n in range(100)))

    assert len([entry async for entry in s3.list("many/")]) == 100


async def test_connections_are_used_again(s3: S3ObjectStore) -> None:
    """Reading and asking keep the number of connections small."""
    await s3.put("again/a", b"x", "text/plain")
    before = _connections(s3)

    for _ in range(20):
        await s3.read("again/a", limit=10)
        await s3.stat("again/a")

    assert _connections(s3) - before <= 8


async def test_what_is_not_read_to_its_end_holds_no_connection(s3: S3ObjectStore) -> None:
    """Objects that are too large, or missing, again and again: the store never runs out of connections."""
    await s3.put("again/large", b"x" * 1_000_000, "text/plain")

    async with asyncio.timeout(30):
        for _ in range(20):
            with pytest.raises(ObjectTooLargeError):
                await s3.read("again/large", limit=10)
            with pytest.raises(ObjectMissingError):
                await s3.read("again/missing", limit=10)


def _connections(store: S3ObjectStore) -> int:
    pools = store._pool.pools
    return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - this mapping cannot be iterated


@pytest.mark.parametrize(("access_key", "secret_key"), [("", "no-such-secret"), ("nobody", "no-such-secret")])
async def test_wrong_keys_are_named_whatever_is_asked(
    objects_server: ObjectServer, s3: S3ObjectStore, access_key: str, secret_key: str
) -> None:
    """A person who gave a wrong key reads so, from every method, and never the key itself."""
    bucket = s3.place.rpartition(" ")[2]
    store = open_objects(objects_server.endpoint, access_key or objects_server.access_key, secret_key, bucket)

    calls = (store.stat("a"), store.read("a", limit=1), store.put("a", b"", ""), store.probe(), store.ensure_bucket())
    for call in calls:
        with pytest.raises(Unavailable, match="access key or the secret key is wrong") as caught:
            await call
        assert secret_key not in str(caught.value)
    await store.close()


async def test_a_missing_bucket_is_not_a_missing_object(objects_server: ObjectServer) -> None:
    """Without its bucket the store is unavailable: no job may become a dead letter because of it."""
    server = objects_server
    store = open_objects(server.endpoint, server.access_key, server.secret_key, "not-made-yet")

    for call in (store.stat("a"), store.read("a", limit=1), store.put("a", b"", ""), store.probe()):
        with pytest.raises(Unavailable, match=r"not-made-yet.*provision"):
            await call
    await store.close()


async def test_ensuring_the_bucket_says_who_made_it(objects_server: ObjectServer) -> None:
    """Of several processes that make the bucket at once each succeeds, and later ones find it."""
    server = objects_server
    stores = [open_objects(server.endpoint, server.access_key, server.secret_key, "made-now") for _ in range(3)]

    made = await asyncio.gather(*(store.ensure_bucket() for store in stores))

    assert any(made)
    assert await stores[0].ensure_bucket() is False
    for store in stores:
        await store.probe()
        await store.close()


@pytest.mark.parametrize("endpoint", ["", "http://", "ftp://host", "http://host:1/path", "http://host?x=1"])
def test_an_endpoint_that_is_none_is_refused_at_once(endpoint: str) -> None:
    """A wrong setting shows when the store is opened, not with the first job."""
    with pytest.raises(ValueError, match=r"endpoint|host"):
        open_objects(endpoint, "key", "secret", "main")
