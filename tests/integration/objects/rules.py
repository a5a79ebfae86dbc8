"""The rules that every `ObjectStore` keeps, as tests: subclass `ObjectStoreRules` with a fixture `store`."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from nightshift.objects import ObjectMissingError, ObjectStore, ObjectTooLargeError

MISSING = "nowhere/at-all.txt"
IMPOSSIBLE_KEYS = ["", " ", "/a", "a/", "a//b", "a/../b", "./a", "a\nb", "a\x00b", "ä" * 513, "\ud800"]


@pytest.fixture
def folder() -> str:
    """A prefix that no other test uses."""
    return f"rules/{uuid4().hex}"


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def keys_of(store: ObjectStore, prefix: str, *, after: str = "") -> list[str]:
    """The keys of a walk, in its order."""
    return [entry.key async for entry in store.list(prefix, after=after)]


class ObjectStoreRules:
    """The rules of an object store; `store` is a fixture of the subclass."""

    @pytest.mark.parametrize("size", [0, 1, 100_000, 6 << 20])
    async def test_what_was_put_is_read_byte_for_byte(self, store: ObjectStore, folder: str, size: int) -> None:
        """An object is read as it was put, whatever its size."""
        data = bytes(range(256)) * (size // 256) + b"\xff" * (size % 256)
        await store.put(f"{folder}/data", data, "application/octet-stream")

        assert await store.read(f"{folder}/data", limit=size) == data

    async def test_putting_again_replaces(self, store: ObjectStore, folder: str) -> None:
        """Under a key there is what was put last, and nothing of what was there."""
        await store.put(f"{folder}/a", b"the longer first text", "text/plain")
        await store.put(f"{folder}/a", b"second", "text/html")

        assert await store.read(f"{folder}/a", limit=100) == b"second"
        assert (await store.stat(f"{folder}/a")).content_type == "text/html"

    async def test_stat_tells_size_type_and_age(self, store: ObjectStore, folder: str) -> None:
        """An object's size is in bytes, its type what was said, its age an aware UTC instant."""
        await store.put(f"{folder}/a.png", b"12345", "image/png")

        found = await store.stat(f"{folder}/a.png")

        assert (found.key, found.size, found.content_type) == (f"{folder}/a.png", 5, "image/png")
        assert found.modified.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=1)

    @pytest.mark.parametrize("key", [MISSING, *IMPOSSIBLE_KEYS])
    async def test_a_missing_object_is_said_to_be_missing(self, store: ObjectStore, tmp_path: Path, key: str) -> None:
        """Every way of reading says so, names the key and leaves no file, also where no such key can be."""
        with pytest.raises(ObjectMissingError):
            await store.stat(key)
        with pytest.raises(ObjectMissingError):
            await store.read(key, limit=10)
        with pytest.raises(ObjectMissingError) as caught:
            await store.download(key, tmp_path / "file")

        assert caught.value.key == key
        assert names_in(tmp_path) == []

    async def test_reading_never_takes_more_than_the_limit(self, store: ObjectStore, folder: str) -> None:
        """An object of exactly the limit is read; one byte more is refused."""
        await store.put(f"{folder}/a", b"x" * 1000, "text/plain")

        assert len(await store.read(f"{folder}/a", limit=1000)) == 1000
        with pytest.raises(ObjectTooLargeError):
            await store.read(f"{folder}/a", limit=999)

    async def test_a_large_file_goes_up_and_comes_down_unchanged(
        self, store: ObjectStore, folder: str, tmp_path: Path
    ) -> None:
        """A file that needs several parts is the same file afterwards, and the only one in its folder."""
        source, target = tmp_path / "source", tmp_path / "target" / "file"
        target.parent.mkdir()
        source.write_bytes(b"".join(hashlib.sha256(bytes([n % 256])).digest() * 1024 for n in range(34 * 32)))

        await store.upload(f"{folder}/large", source, "video/mp4")
        found = await store.download(f"{folder}/large", target)

        assert target.read_bytes() == source.read_bytes()
        assert (found.size, found.content_type) == (source.stat().st_size, "video/mp4")
        assert names_in(target.parent) == ["file"]

    async def test_an_empty_file_is_an_object_too(self, store: ObjectStore, folder: str, tmp_path: Path) -> None:
        """A file of no bytes goes up and comes down."""
        (tmp_path / "empty").touch()

        await store.upload(f"{folder}/empty", tmp_path / "empty", "text/plain")
        await store.download(f"{folder}/empty", tmp_path / "again")

        assert (tmp_path / "again").read_bytes() == b""

    async def test_a_download_replaces_the_file_that_was_there(
        self, store: ObjectStore, folder: str, tmp_path: Path
    ) -> None:
        """A second download of a job that runs again finds the first one's file and replaces it."""
        (tmp_path / "file").write_bytes(b"half of")
        await store.put(f"{folder}/a", b"all", "text/plain")

        await store.download(f"{folder}/a", tmp_path / "file")

        assert (tmp_path / "file").read_bytes() == b"all"

    async def test_a_file_that_is_not_there_is_the_callers_error(
        self, store: ObjectStore, folder: str, tmp_path: Path
    ) -> None:
        """Uploading a missing file, or downloading into a missing folder, is an OSError and stores nothing."""
        await store.put(f"{folder}/a", b"all", "text/plain")
        with pytest.raises(FileNotFoundError):
            await store.upload(f"{folder}/b", tmp_path / "missing", "text/plain")
        with pytest.raises(FileNotFoundError):
            await store.download(f"{folder}/a", tmp_path / "missing" / "file")

        assert await keys_of(store, f"{folder}/") == [f"{folder}/a"]

    async def test_deleting_twice_is_no_error(self, store: ObjectStore, folder: str) -> None:
        """A deleted object is gone, and deleting it again, or what cannot be, does nothing."""
        await store.put(f"{folder}/a", b"x", "text/plain")
        await store.put(f"{folder}/b", b"x", "text/plain")

        for key in (f"{folder}/a", f"{folder}/a", *IMPOSSIBLE_KEYS):
            await store.delete(key)

        assert await keys_of(store, f"{folder}/") == [f"{folder}/b"]

    @pytest.mark.parametrize("key", IMPOSSIBLE_KEYS)
    async def test_an_impossible_key_is_refused(self, store: ObjectStore, tmp_path: Path, key: str) -> None:
        """Nothing is stored under a key that stores would keep differently, or not at all."""
        (tmp_path / "file").touch()
        with pytest.raises(ValueError, match="cannot be an object's key"):
            await store.put(key, b"x", "text/plain")
        with pytest.raises(ValueError, match="cannot be an object's key"):
            await store.upload(key, tmp_path / "file", "text/plain")

    async def test_keys_of_any_writing_are_kept_apart(self, store: ObjectStore, folder: str) -> None:
        """Characters with a meaning in URLs, in other scripts, and look-alikes are just characters."""
        names = [
            "a b",
            "a+b",
            "a%20b",
            "%2e%2e",
            "a&b=c?d#e",
            "'()*!",
            "A",
            "a",
            "é",
            "e\u0301",
            "ä ö.txt",
            "写真\u30001",
            "😀",
        ]
        for name in names:
            await store.put(f"{folder}/{name}", name.encode(), "text/plain")

        assert sorted(await keys_of(store, f"{folder}/")) == sorted(f"{folder}/{name}" for name in names)
        for name in names:
            assert await store.read(f"{folder}/{name}", limit=100) == name.encode()

    async def test_a_walk_gives_each_object_of_its_prefix_once(self, store: ObjectStore, folder: str) -> None:
        """A prefix may end anywhere, objects in folders are found too, and nothing else is."""
        inside = [f"{folder}/in.x", f"{folder}/in-b", f"{folder}/in/a", f"{folder}/in/b/c", f"{folder}/int"]
        for key in [*inside, f"{folder}/other", f"{folder}/i"]:
            await store.put(key, b"12", "text/plain")

        walked = [entry async for entry in store.list(f"{folder}/in")]

        assert sorted(entry.key for entry in walked) == sorted(inside)
        assert {entry.size for entry in walked} == {2}
        assert {entry.modified.utcoffset() for entry in walked} == {timedelta(0)}
        assert await keys_of(store, f"{folder}/in/b/") == [f"{folder}/in/b/c"]
        assert await keys_of(store, f"{folder}/none") == []

    async def test_a_walk_goes_on_behind_any_key_it_gave(self, store: ObjectStore, folder: str) -> None:
        """Continued anywhere, a walk gives exactly the rest, also when the last object is gone by then."""
        for name in ["a/x", "a-b", "a.b", "b", "b-1/2", "c/d/e", "c/d-e", "d%2F", "e f", "ä"]:
            await store.put(f"{folder}/{name}", b"x", "text/plain")
        walk = await keys_of(store, f"{folder}/")
        assert len(walk) == 10

        for position, key in enumerate(walk, start=1):
            assert await keys_of(store, f"{folder}/", after=key) == walk[position:]
        await store.delete(walk[4])
        assert await keys_of(store, f"{folder}/", after=walk[4]) == walk[5:]

    async def test_a_walk_over_several_pages_misses_nothing(self, store: ObjectStore, folder: str) -> None:
        """More objects than a store gives at once are all given, each once, and one may stop early."""
        expected = [f"{folder}/{number:05}" for number in range(1_100)]
        await asyncio.gather(*(store.put(key, b"x", "text/plain") for key in expected))

        assert await keys_of(store, f"{folder}/") == expected
        assert await keys_of(store, f"{folder}/", after=expected[1_049]) == expected[1_050:]
        async for entry in store.list(f"{folder}/"):
            assert entry.key == expected[0]
            break

    async def test_a_cancelled_download_leaves_nothing_behind(
        self, store: ObjectStore, folder: str, tmp_path: Path
    ) -> None:
        """A handler that is cancelled at its timeout finds no half file, now or later; the store goes on working."""
        await store.put(f"{folder}/a", b"x" * (20 << 20), "text/plain")
        target = tmp_path / "in"
        target.mkdir()
        download = asyncio.ensure_future(store.download(f"{folder}/a", target / "file"))
        await asyncio.sleep(0)

        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download

        assert await store.read(f"{folder}/a", limit=20 << 20)
        async with asyncio.timeout(10):
            while names_in(target):  # noqa: ASYNC110 - a folder gives no signal
                await asyncio.sleep(0.01)
