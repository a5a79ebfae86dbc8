"""Works off one uploaded file: from its row and its bytes to checksum, metadata and thumbnail."""

from collections.abc import Callable
from datetime import UTC, datetime

from contracts.upload import ProcessUpload
from nightshift.database import Database
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.outcomes import Permanent
from services.upload.declared_type import claim_note
from services.upload.download import Source, fetch
from services.upload.file_type import IMAGES, PDF
from services.upload.inspection import THUMBNAIL_TYPE, Inspection, Inspector, UnreadableFileError
from services.upload.repository import PROCESSED, File, find_file, mark_failed, processed
from services.upload.settings import UploadSettings
from services.upload.temp_files import Scratch


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def process_upload(
    message: ProcessUpload,
    job: Job,
    *,
    database: Database,
    objects: ObjectStore,
    inspector: Inspector,
    scratch: Scratch,
    settings: UploadSettings,
    now: Callable[[], datetime] = _utc_now,
) -> None:
    """Finds out what an uploaded file is and notes it on its row, with a thumbnail where it has something to show.

    A file that cannot be worked off becomes a dead letter at once, and its row says `failed` and why. A row or an
    object that is not there yet, and an inspection that was interrupted, are tried again.
    """
    file = await find_file(database, message)
    with scratch.folder() as folder:
        try:
            source = await fetch(objects, file.object_key, folder, max_bytes=settings.max_file_bytes)
            inspection = await _inspect(inspector, source)
        except (Permanent, UnreadableFileError) as refusal:
            reason = f"file {file.id!r} cannot be processed: {refusal}"
            await mark_failed(database, file, reason, now())
            raise Permanent(reason) from refusal
        thumbnail_key = await _store_thumbnail(objects, inspection, source, settings.thumbnail_pixels)
    job.write(PROCESSED, _result(file, source, inspection, thumbnail_key, now()))


async def _inspect(inspector: Inspector, source: Source) -> Inspection:
    if source.content_type == PDF or source.content_type in IMAGES:
        return await inspector.inspect(source.path, source.content_type)
    return Inspection({"kind": "other"})


async def _store_thumbnail(objects: ObjectStore, inspection: Inspection, source: Source, pixels: int) -> str | None:
    """The key follows from the content, so a repeated delivery, or the same file uploaded again, changes nothing."""
    if inspection.thumbnail is None:
        return None
    key = f"thumbnails/{source.checksum}-{pixels}.webp"
    await objects.upload(key, inspection.thumbnail, THUMBNAIL_TYPE)
    return key


def _result(
    file: File, source: Source, inspection: Inspection, thumbnail_key: str | None, now: datetime
) -> dict[str, object]:
    return processed(
        file,
        size=source.size,
        content_type=source.content_type,
        checksum=source.checksum,
        metadata=inspection.metadata | claim_note(file, source.content_type),
        thumbnail_key=thumbnail_key,
        now=now,
    )
