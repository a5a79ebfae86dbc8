"""Process one uploaded file: from its row and its bytes to checksum, metadata and thumbnail."""

from collections.abc import Callable
from datetime import datetime

from contracts.upload import ProcessUpload
from nightshift import Job, Permanent
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.objects import ObjectStore
from services.upload.declared_type import compare_types
from services.upload.download import Source, fetch
from services.upload.file_type import IMAGES, PDF
from services.upload.inspection import THUMBNAIL_TYPE, Inspection, Inspector, UnreadableFileError
from services.upload.repository import PROCESSED, File, find_file, mark_failed, processed
from services.upload.settings import UploadSettings
from services.upload.temp_files import Scratch


async def process_upload(
    message: ProcessUpload,
    job: Job,
    *,
    database: Database,
    objects: ObjectStore,
    inspector: Inspector,
    scratch: Scratch,
    settings: UploadSettings,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Find out what an uploaded file is and record it on its row, with a thumbnail where there is something to show.

    Raises:
        Permanent: the file cannot be processed, however often it is tried.
        Exception: a row or an object that is not there yet, or an interrupted inspection: tried again.
    """
    file = await find_file(database, message)
    with scratch.folder() as folder:
        try:
            source = await fetch(objects, file.object_key, folder, max_bytes=settings.max_file_bytes)
            _check(source, file)
            inspection = await _inspect(inspector, source)
        except (Permanent, UnreadableFileError) as refusal:
            raise Permanent(f"file {file.id!r} cannot be processed: {refusal}") from refusal
        thumbnail_key = await _store_thumbnail(objects, inspection, source, settings.thumbnail_pixels)
    job.write(PROCESSED, _result(file, source, inspection, thumbnail_key, now()))
    job.result = {"fileId": file.id, "contentType": source.content_type, "thumbnail": thumbnail_key}


async def give_up(
    message: ProcessUpload, job: Job, reason: str, *, database: Database, now: Callable[[], datetime] = utc_now
) -> None:
    """Record on the file's row why its job became a dead letter, so that its owner does not wait for ever."""
    del job
    await mark_failed(database, message, reason, now())


def _check(source: Source, file: File) -> None:
    if file.announced not in {None, source.checksum}:
        raise Permanent(f"its bytes have the SHA-256 {source.checksum}, and {file.announced} was announced")


async def _inspect(inspector: Inspector, source: Source) -> Inspection:
    if source.content_type == PDF or source.content_type in IMAGES:
        return await inspector.inspect(source.path, source.content_type)
    return Inspection(
        {"kind": "other", "notShown": f"no thumbnails are made of files of the type {source.content_type}"}
    )


async def _store_thumbnail(objects: ObjectStore, inspection: Inspection, source: Source, pixels: int) -> str | None:
    """Store the thumbnail under a key made from the content: repeating this, or uploading again, changes nothing."""
    if inspection.thumbnail is None:
        return None
    key = f"thumbnails/{source.checksum}-{pixels}.webp"
    await objects.put(key, inspection.thumbnail, THUMBNAIL_TYPE)
    return key


def _result(
    file: File, source: Source, inspection: Inspection, thumbnail_key: str | None, now: datetime
) -> dict[str, object]:
    return processed(
        file,
        size=source.size,
        content_type=source.content_type,
        checksum=source.checksum,
        metadata=inspection.metadata | compare_types(file, source.content_type),
        thumbnail_key=thumbnail_key,
        now=now,
    )
