"""What becomes of an uploaded file, on a real database and a real object store."""

import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import insert, select, update

from contracts.upload import ProcessUpload
from nightshift.config.secret import Secret
from nightshift.database import Database, migrate, open_database
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects import ObjectMissingError, ObjectStore
from nightshift.objects.s3 import open_objects
from nightshift.outcomes import Permanent, Skip, Unavailable
from nightshift.testing import FakeObjectStore, perform_job, route_of
from schema.tables import files, users
from services.upload.inspection import Inspection, InspectionInterruptedError, Inspector
from services.upload.repository import FileRowNotFoundError
from services.upload.service import upload
from services.upload.settings import UploadSettings
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import Scratch, open_scratch

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SAMPLES = Path("demo/samples")
SETTINGS = UploadSettings(
    database_url=Secret("sqlite:///unused"),
    s3_endpoint="http://127.0.0.1:1",
    s3_access_key="unused",
    s3_secret_key=Secret("unused"),
    max_file_bytes=1_000_000,
    max_image_pixels=1_000_000,
)


@dataclass
class Desk:
    """Where uploads arrive and are worked off."""

    database: Database
    objects: ObjectStore
    scratch: Scratch
    inspector: Inspector

    async def upload(self, data: bytes | None, name: str = "a.bin", claimed: str | None = None) -> ProcessUpload:
        """A row and its object, as the gateway leaves them; without `data`, no object."""
        file_id, key = uuid4().hex, f"uploads/{uuid4().hex}"
        if data is not None:
            await self.objects.put(key, data, claimed or "application/octet-stream")
        row = {"id": file_id, "user_id": "user-17", "object_key": key, "original_name": name}
        async with self.database.write() as connection:
            await connection.execute(insert(files), row | {"content_type": claimed, "status": "uploaded"})
        return ProcessUpload(file_id=file_id, user_id="user-17")

    async def run(self, message: ProcessUpload, *, now: datetime = NOW) -> None:
        """Run the job through the worker's pipeline; raise what its handler raised."""
        route = route_of(
            upload,
            ProcessUpload,
            database=self.database,
            objects=self.objects,
            inspector=self.inspector,
            scratch=self.scratch,
            settings=SETTINGS,
            now=lambda: now,
        )
        result = await perform_job(route, message, database=self.database, objects=self.objects)
        if result.exception is not None:
            raise result.exception

    async def row(self, message: ProcessUpload) -> dict[str, Any]:
        """The file's row."""
        async with self.database.read() as connection:
            found = await connection.execute(select(files).where(files.c.id == message.file_id))
            return dict(found.mappings().one())

    async def change(self, message: ProcessUpload, **values: Any) -> None:
        """Somebody else changes the row."""
        async with self.database.write() as connection:
            await connection.execute(update(files).where(files.c.id == message.file_id).values(**values))


@pytest.fixture
async def desk(objects_server: ObjectServer, database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Real ones of everything; nothing may be left in the temporary folder afterwards."""
    await migrate(database_url)
    database = open_database(database_url)
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": "user-17", "email": "sam@example.com"})
    server = objects_server
    store = open_objects(server.endpoint, server.access_key, server.secret_key, f"b-{uuid4().hex}")
    await store.ensure_bucket()
    inspector = SubprocessInspector(SETTINGS.limits, timeout_seconds=30, processes=2)
    with open_scratch(tmp_path / "scratch") as scratch:
        yield Desk(database, store, scratch, inspector)
        assert [path.name for path in scratch.root.iterdir()] == ["life"], "temporary files were left"
    await store.close()
    await database.close()


async def test_a_photo_gets_its_facts_and_a_thumbnail(desk: Desk) -> None:
    """A telephone's photo: everything on the row, and an upright thumbnail that knows no place."""
    data = sample("chelsea.jpg")
    message = await desk.upload(data, "cat.jpg", "image/jpeg")
    await desk.run(message)
    row = await desk.row(message)
    checksum = hashlib.sha256(data).hexdigest()
    assert (row["status"], row["processed"], row["error"]) == ("processed", True, None)
    assert (row["content_type"], row["size"], row["checksum"]) == ("image/jpeg", len(data), checksum)
    assert row["updated_at"] == NOW
    assert row["metadata"] == {
        "kind": "image",
        "format": "JPEG",
        "mode": "RGB",
        "camera": "Nightshift Sample Camera",
        "takenAt": "2024-06-01T12:34:56+02:00",
        "hasLocation": True,
        "orientation": 6,
        "width": 451,
        "height": 300,
    }
    assert row["thumbnail_key"] == f"thumbnails/{checksum}-320.webp"
    info = await desk.objects.stat(row["thumbnail_key"])
    assert info.content_type == "image/webp"
    with Image.open(io.BytesIO(await desk.objects.read(row["thumbnail_key"], limit=100_000))) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 213))
        assert not thumbnail.getexif()


@pytest.mark.parametrize("name", ["astronaut.jpg", "coffee.webp", "grace_hopper.jpg", "nightshift-guarantees.pdf"])
async def test_each_sample_file_is_worked_off(name: str, desk: Desk) -> None:
    """What the demo uploads has a thumbnail."""
    message = await desk.upload(sample(name), name)
    await desk.run(message)
    row = await desk.row(message)
    assert row["processed"] is True
    assert (await desk.objects.stat(row["thumbnail_key"])).size > 1000


async def test_bytes_that_were_not_announced_are_refused(desk: Desk) -> None:
    """Whoever took the file in wrote down its SHA-256: another one is told on the row, and nothing is made of it."""
    message = await desk.upload(b"swapped", "a.txt")
    await desk.change(message, checksum="0" * 64)

    with pytest.raises(Permanent, match=f"SHA-256 {hashlib.sha256(b'swapped').hexdigest()}, and {'0' * 64} was"):
        await desk.run(message)
    assert (await desk.row(message))["status"] == "failed"

    await desk.change(message, checksum=hashlib.sha256(b"swapped").hexdigest())
    await desk.run(message)
    assert (await desk.row(message))["status"] == "processed"


async def test_the_checksum_of_an_earlier_run_binds_nobody(desk: Desk) -> None:
    """An application may put other bytes under the same key and have them processed again."""
    message = await desk.upload(b"first", "a.txt")
    await desk.run(message)
    await desk.objects.put((await desk.row(message))["object_key"], b"second", "text/plain")
    await desk.run(message)
    assert (await desk.row(message))["checksum"] == hashlib.sha256(b"second").hexdigest()


async def test_anything_else_gets_type_size_and_checksum(desk: Desk) -> None:
    """A file that nobody looks into is worked off too."""
    message = await desk.upload(b"name,age\nSam,17\n", "people.csv", "text/csv")
    await desk.run(message)
    row = await desk.row(message)
    assert (row["status"], row["content_type"], row["size"], row["thumbnail_key"]) == (
        "processed",
        "text/plain",
        16,
        None,
    )
    assert row["checksum"] == hashlib.sha256(b"name,age\nSam,17\n").hexdigest()
    assert row["metadata"] == {
        "kind": "other",
        "claimedType": "text/csv",
        "notShown": "no thumbnails are made of files of the type text/plain",
    }


async def test_a_mislabelled_file_is_what_its_bytes_are(desk: Desk) -> None:
    """A WebP that calls itself a JPEG is a WebP, and the row notes it; working it off again forgets nothing."""
    message = await desk.upload(sample("coffee.webp"), "coffee.jpg", "image/jpeg")
    for _ in range(2):
        await desk.run(message)
        row = await desk.row(message)
        assert row["content_type"] == "image/webp"
        assert (row["metadata"]["mislabelled"], row["metadata"]["claimedType"]) == (True, "image/jpeg")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"x" * 1_000_001, "1,000,001 bytes, more than the 1,000,000 that MAX_FILE_BYTES allows"),
        (b"\xff\xd8\xff" + b"x" * 1000, "begins like a JPEG image"),
        (b"%PDF-1.7\n" + b"x" * 1000, "a PDF that is broken or cut off"),
        ("truncated", "a JPEG image that is broken or cut off"),
        ("bomb", "more pixels than the 1,000,000"),
    ],
)
async def test_a_hopeless_file_is_a_dead_letter_and_its_row_says_why(
    data: bytes | str, reason: str, desk: Desk
) -> None:
    """At once, with the same words in both places; the row never says processed."""
    message = await desk.upload(made(data), "photo.jpg", "image/jpeg")
    with pytest.raises(Permanent, match=reason) as refusal:
        await desk.run(message)
    row = await desk.row(message)
    assert (row["status"], row["processed"], row["updated_at"]) == ("failed", False, NOW)
    assert row["error"] == str(refusal.value)
    assert message.file_id in row["error"]


async def test_success_after_a_failure_clears_the_error(desk: Desk) -> None:
    """A redrive after the cause is gone (a raised limit, a new object) leaves a sound row."""
    message = await desk.upload(b"")
    with pytest.raises(Permanent):
        await desk.run(message)
    await desk.objects.put((await desk.row(message))["object_key"], b"something", "text/plain")
    await desk.run(message)
    row = await desk.row(message)
    assert (row["status"], row["processed"], row["error"]) == ("processed", True, None)


async def test_a_late_failure_does_not_undo_a_success(desk: Desk) -> None:
    """Of two deliveries of one job, the one that fails after the other has committed changes nothing."""
    message = await desk.upload(b"")
    await desk.change(message, status="processed", processed=True)
    with pytest.raises(Permanent):
        await desk.run(message)
    row = await desk.row(message)
    assert (row["status"], row["error"]) == ("processed", None)


async def test_somebody_elses_file_is_refused_and_left_alone(desk: Desk) -> None:
    """The job is a dead letter; the owner's row must not pay for a stranger's job."""
    message = await desk.upload(b"mine")
    before = await desk.row(message)
    with pytest.raises(Permanent, match="does not belong to user 'mallory'"):
        await desk.run(ProcessUpload(file_id=message.file_id, user_id="mallory"))
    assert await desk.row(message) == before


async def test_a_file_whose_owner_is_gone_needs_no_work(desk: Desk) -> None:
    """Its row stays only for the cleanup to find the object."""
    message = await desk.upload(b"mine")
    await desk.change(message, user_id=None)
    with pytest.raises(Skip, match="no longer exists"):
        await desk.run(message)


async def test_a_row_that_is_not_there_yet_is_tried_again(desk: Desk) -> None:
    """No Permanent: its producer's transaction may still be open."""
    with pytest.raises(FileRowNotFoundError, match="no file has the id 'not-yet'"):
        await desk.run(ProcessUpload(file_id="not-yet", user_id="user-17"))


async def test_an_object_that_is_not_there_yet_is_tried_again(desk: Desk) -> None:
    """No Permanent, and the row is left as it was: the upload may still be under way."""
    message = await desk.upload(None)
    with pytest.raises(ObjectMissingError, match="there is no object 'uploads/"):
        await desk.run(message)
    assert (await desk.row(message))["status"] == "uploaded"


async def test_an_interrupted_inspection_is_tried_again(desk: Desk) -> None:
    """It says nothing about the file, so neither does the row."""

    class Interrupted:
        async def inspect(self, source: Path, content_type: str) -> Inspection:
            raise InspectionInterruptedError(f"{source.name} {content_type}")

    desk.inspector = Interrupted()
    message = await desk.upload(sample("coffee.webp"))
    with pytest.raises(InspectionInterruptedError):
        await desk.run(message)
    assert (await desk.row(message))["status"] == "uploaded"


async def test_an_outage_of_the_object_store_is_no_fault_of_the_file(desk: Desk) -> None:
    """The outcome says which part is away; the row is left as it was."""
    store = FakeObjectStore()
    desk.objects = store
    message = await desk.upload(b"something")
    store.unavailable = "no route"
    with pytest.raises(Unavailable, match="objects"):
        await desk.run(message)
    assert (await desk.row(message))["status"] == "uploaded"


async def test_a_row_that_changed_meanwhile_is_not_written(desk: Desk) -> None:
    """The result belongs to the object that was looked at, and to no other."""
    message = await desk.upload(b"first")

    class Replaced(FakeObjectStore):
        async def download(self, key: str, path: Path) -> Any:
            await desk.change(message, object_key="uploads/second")
            return await super().download(key, path)

    store = Replaced()
    await store.put((await desk.row(message))["object_key"], b"first", "text/plain")
    desk.objects = store
    await desk.run(message)
    assert (await desk.row(message))["processed"] is False


async def test_the_same_content_has_one_thumbnail(desk: Desk) -> None:
    """Its key follows from the bytes: uploading a file again stores nothing new."""
    messages = [await desk.upload(sample("coffee.webp"), name) for name in ("one", "two")]
    for message in messages:
        await desk.run(message)
    keys = {(await desk.row(message))["thumbnail_key"] for message in messages}
    assert len(keys) == 1
    assert [info.key async for info in desk.objects.list("thumbnails/")] == list(keys)


def sample(name: str) -> bytes:
    """A file that ships with the demo."""
    return (SAMPLES / name).read_bytes()


def made(data: bytes | str) -> bytes:
    """Bytes that are made when they are needed."""
    if isinstance(data, bytes):
        return data
    if data == "truncated":
        return sample("astronaut.jpg")[:30_000]
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000)).save(buffer, "PNG")
    return buffer.getvalue()
