"""The rules that every `ObjectTransfers` keeps, as tests: subclass `TransferRules` with the fixtures that it names."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from nightshift.objects import (
    ObjectMissingError,
    ObjectStore,
    ObjectTransfers,
    UploadMissingError,
    WrongLengthError,
)

HOUR = timedelta(hours=1)
LEAST_PART = 5 << 20
SPOOLED_PART = 8 << 20


@dataclass
class Place:
    """Transfers, the store that they lead to, and a client that follows their addresses."""

    transfers: ObjectTransfers
    store: ObjectStore
    put: Callable[[str, bytes], Awaitable[int]]
    """PUT a body to an address; return the HTTP status."""
    get: Callable[[str], Awaitable[bytes]]
    """GET what is at an address."""
    folder: str = ""

    def __post_init__(self) -> None:
        self.folder = f"transfers/{uuid4().hex}"

    async def unfinished(self) -> list[str]:
        """The keys of all unfinished uploads of this test."""
        return [upload.key async for upload in self.transfers.unfinished(self.folder)]

    async def keys(self) -> list[str]:
        """The keys of all objects of this test."""
        return [entry.key async for entry in self.store.list(self.folder)]


def bytes_of(size: int) -> bytes:
    """Bytes of which no two stretches are alike."""
    block = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(2048))
    return (block * (size // len(block) + 1))[:size]


async def stream(data: bytes, *, piece: int = 60_000, then: Exception | None = None) -> AsyncIterator[bytes]:
    """Yield the data in pieces, as they come from a client; at the end raise `then`, if given."""
    for start in range(0, len(data), piece):
        await asyncio.sleep(0)
        yield data[start : start + piece]
    if then:
        raise then


class TransferRules:
    """The rules; `place` is a fixture of the subclass."""

    @pytest.mark.parametrize("size", [0, 1, 200_000])
    @pytest.mark.parametrize("known", [True, False], ids=["length known", "length unknown"])
    async def test_what_is_received_is_stored_byte_for_byte(self, place: Place, size: int, known: bool) -> None:  # noqa: FBT001
        """A stream becomes an object with its type, whether its length was known or not."""
        data = bytes_of(size)
        key = f"{place.folder}/a"

        received = await place.transfers.receive(
            key, stream(data), length=size if known else None, content_type="image/png"
        )

        assert received == size
        assert await place.store.read(key, limit=size) == data
        assert (await place.store.stat(key)).content_type == "image/png"

    @pytest.mark.parametrize("size", [SPOOLED_PART - 1, SPOOLED_PART, SPOOLED_PART + 1, 2 * SPOOLED_PART + 5])
    async def test_a_stream_of_unknown_length_may_need_several_parts(self, place: Place, size: int) -> None:
        """Around the size of a part, and beyond it, the object is the stream, and no upload stays open."""
        data = bytes_of(size)

        assert await place.transfers.receive(f"{place.folder}/a", stream(data), length=None, content_type="a/b") == size

        assert await place.store.read(f"{place.folder}/a", limit=size) == data
        assert await place.unfinished() == []

    @pytest.mark.parametrize("announced", [99_999, 100_001, 0, 400_000])
    async def test_a_stream_of_another_length_than_announced_is_not_stored(self, place: Place, announced: int) -> None:
        """Fewer bytes or more: nobody knows what is missing or too much, so there is no object at all."""
        with pytest.raises(WrongLengthError):
            await place.transfers.receive(
                f"{place.folder}/a", stream(bytes_of(100_000)), length=announced, content_type="a/b"
            )

        assert await place.keys() == []

    @pytest.mark.parametrize(
        ("came", "length"),
        [(0, 0), (0, 200_000), (200_000, 200_000), (200_000, 20 << 20), (0, None), (9, None), (SPOOLED_PART + 1, None)],
    )
    async def test_a_stream_that_breaks_off_leaves_nothing(self, place: Place, came: int, length: int | None) -> None:
        """What the stream raises is raised again, also at its very end, and the store has neither object nor parts."""
        gone = ConnectionResetError("the client has gone")

        with pytest.raises(ConnectionResetError) as caught:
            await place.transfers.receive(
                f"{place.folder}/a", stream(bytes_of(came), then=gone), length=length, content_type="a/b"
            )

        assert caught.value is gone
        await asyncio.sleep(0.1)
        assert (await place.keys(), await place.unfinished()) == ([], [])

    async def test_a_receipt_that_is_cancelled_leaves_nothing(self, place: Place) -> None:
        """A process that stops does not wait for a client, and leaves no half object behind."""

        async def forever() -> AsyncIterator[bytes]:
            yield bytes_of(SPOOLED_PART + 1)
            arrived.set()
            await asyncio.Event().wait()

        for length in (20 << 20, None):
            arrived = asyncio.Event()
            receiving = asyncio.ensure_future(
                place.transfers.receive(f"{place.folder}/a", forever(), length=length, content_type="a/b")
            )
            await arrived.wait()
            receiving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await receiving

        assert (await place.keys(), await place.unfinished()) == ([], [])

    async def test_receiving_again_replaces(self, place: Place) -> None:
        """Under a key there is what came last."""
        for data in (b"first and longer", b"second"):
            await place.transfers.receive(f"{place.folder}/a", stream(data), length=len(data), content_type="a/b")

        assert await place.store.read(f"{place.folder}/a", limit=100) == b"second"

    async def test_an_impossible_key_is_refused(self, place: Place) -> None:
        """As every store refuses it."""
        with pytest.raises(ValueError, match="cannot be an object's key"):
            await place.transfers.receive("a//b", stream(b"x"), length=1, content_type="a/b")
        with pytest.raises(ValueError, match="cannot be an object's key"):
            await place.transfers.begin("a//b", "a/b")

    async def test_clients_send_parts_to_addresses(self, place: Place) -> None:
        """Whoever has an address may send that part, in any order and again; completed, they are one object."""
        key, data = f"{place.folder}/direct", bytes_of(2 * LEAST_PART + 17)
        upload_id = await place.transfers.begin(key, "video/mp4")
        cut = [data[:LEAST_PART], data[LEAST_PART : 2 * LEAST_PART], data[2 * LEAST_PART :]]
        for number in (3, 1, 2, 1):
            url = place.transfers.part_url(key, upload_id, number, lifetime=HOUR)
            assert await place.put(url, cut[number - 1]) == 200
        assert await place.keys() == []

        parts = await place.transfers.parts(key, upload_id)
        await place.transfers.complete(key, upload_id, parts)

        assert [(part.number, part.size) for part in parts] == [(1, LEAST_PART), (2, LEAST_PART), (3, 17)]
        assert await place.store.read(key, limit=len(data)) == data
        assert (await place.store.stat(key)).content_type == "video/mp4"
        assert await place.unfinished() == []

    async def test_an_address_is_dead_after_completion(self, place: Place) -> None:
        """Whoever still has it cannot change what was checked."""
        key = f"{place.folder}/direct"
        upload_id = await place.transfers.begin(key, "a/b")
        url = place.transfers.part_url(key, upload_id, 1, lifetime=HOUR)
        await place.put(url, b"checked")
        await place.transfers.complete(key, upload_id, await place.transfers.parts(key, upload_id))

        assert await place.put(url, b"swapped") == 404

        assert await place.store.read(key, limit=100) == b"checked"

    async def test_completing_twice_is_no_error(self, place: Place) -> None:
        """The answer to the first may have been lost; an upload that never was is one."""
        key = f"{place.folder}/direct"
        upload_id = await place.transfers.begin(key, "a/b")
        await place.put(place.transfers.part_url(key, upload_id, 1, lifetime=HOUR), b"whole")
        parts = await place.transfers.parts(key, upload_id)

        await place.transfers.complete(key, upload_id, parts)
        await place.transfers.complete(key, upload_id, parts)

        assert await place.store.read(key, limit=100) == b"whole"
        with pytest.raises(UploadMissingError):
            await place.transfers.complete(f"{place.folder}/other", upload_id, parts)

    async def test_an_aborted_upload_is_gone_with_its_parts(self, place: Place) -> None:
        """Its addresses are dead, and aborting again does nothing."""
        key = f"{place.folder}/direct"
        upload_id = await place.transfers.begin(key, "a/b")
        url = place.transfers.part_url(key, upload_id, 1, lifetime=HOUR)
        await place.put(url, b"part")

        await place.transfers.abort(key, upload_id)
        await place.transfers.abort(key, upload_id)

        assert await place.put(url, b"part") == 404
        with pytest.raises(UploadMissingError):
            await place.transfers.parts(key, upload_id)
        assert (await place.keys(), await place.unfinished()) == ([], [])

    async def test_unfinished_uploads_are_found_with_their_age(self, place: Place) -> None:
        """Whoever cleans up finds each under its prefix, with its id and when it was begun."""
        first = await place.transfers.begin(f"{place.folder}/a/1", "a/b")
        second = await place.transfers.begin(f"{place.folder}/a/1", "a/b")
        await place.transfers.begin(f"{place.folder}/b/1", "a/b")

        found = [upload async for upload in place.transfers.unfinished(f"{place.folder}/a/")]

        assert {(upload.key, upload.upload_id) for upload in found} == {
            (f"{place.folder}/a/1", first),
            (f"{place.folder}/a/1", second),
        }
        assert all(abs(datetime.now(UTC) - upload.begun) < timedelta(minutes=1) for upload in found)
        for upload in [upload async for upload in place.transfers.unfinished(place.folder)]:
            await place.transfers.abort(upload.key, upload.upload_id)
        assert await place.unfinished() == []

    async def test_an_object_can_be_fetched_from_an_address(self, place: Place) -> None:
        """With any name, and without one."""
        await place.store.put(f"{place.folder}/a b%ü", b"bytes", "text/plain")

        for name in ("plain.txt", 'ein "Täst"; x=y.txt', "写真.jpg", None):
            url = place.transfers.download_url(f"{place.folder}/a b%ü", file_name=name, lifetime=HOUR)
            assert await place.get(url) == b"bytes"

    async def test_what_is_not_there_cannot_be_fetched(self, place: Place) -> None:
        """An address is computed without asking, so it may lead to nothing."""
        url = place.transfers.download_url(f"{place.folder}/none", file_name=None, lifetime=HOUR)

        with pytest.raises(ObjectMissingError):
            await place.get(url)
