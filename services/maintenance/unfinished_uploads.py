"""Ends direct uploads whose time is over, and aborts multipart uploads that the object store has and nobody knows.

Parts go first and rows after them, as with files. A client that completes its upload in that moment has its file: only
one that is still pending is taken from its owner.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.housekeeping.tally import Counts, Tally
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, process_pages, table_pages
from nightshift.objects import ObjectStoreRefusedError, ObjectTransfers, UnfinishedUpload
from nightshift.observability.log import get_logger
from schema.tables import NEVER_COMPLETED, files, uploads

EXPIRED, FORGOTTEN = "uploads_expired", "uploads_unknown"
PREFIX = "uploads/"
_BY_END = Keyset(uploads.c.expires_at, uploads.c.id)
_log = get_logger("cleanup")


async def end_expired_uploads(
    tally: Tally, transfers: ObjectTransfers, now: datetime, *, limit: TimeLimit, size: int
) -> bool:
    """Abort direct uploads whose time is over, and take their files from their owners; return whether all are done.

    Where the store refuses to abort one, its row stays.
    """

    async def work(page: KeysetPage[RowMapping]) -> None:
        gone = [row for row in page.rows if await _abort(tally, transfers, row["object_key"], row["store_upload_id"])]
        await tally.delete(lambda connection: _end(connection, gone))

    query = select(*_BY_END.columns, uploads.c.file_id, uploads.c.object_key, uploads.c.store_upload_id)
    pages = table_pages(tally.database, query.where(uploads.c.expires_at < now), _BY_END, size=size)
    return (await process_pages(pages, work, limit=limit)).done


async def abort_unknown_uploads(
    tally: Tally, transfers: ObjectTransfers, before: datetime, *, limit: TimeLimit, size: int
) -> bool:
    """Abort what was begun at the store before an instant and is in no row; return whether that was all.

    A gateway that was killed leaves such: between beginning an upload and writing it down, or while it stored a stream
    of unknown length.
    """

    async def work(page: KeysetPage[UnfinishedUpload]) -> None:
        known = await _known(tally, [upload.upload_id for upload in page.rows])
        unknown = [upload for upload in page.rows if upload.upload_id not in known]
        aborted = [upload for upload in unknown if await _abort(tally, transfers, upload.key, upload.upload_id)]
        await tally.count({FORGOTTEN: len(aborted)})

    return (await process_pages(_unfinished(transfers, before, size), work, limit=limit)).done


async def _unfinished(
    transfers: ObjectTransfers, before: datetime, size: int
) -> AsyncGenerator[KeysetPage[UnfinishedUpload], None]:
    found = [upload async for upload in transfers.unfinished(PREFIX) if upload.begun < before]
    for start in range(0, len(found), size):
        some = found[start : start + size]
        yield KeysetPage(some, None, (some[-1].key, some[-1].upload_id))


async def _abort(tally: Tally, transfers: ObjectTransfers, key: str, upload_id: str) -> bool:
    try:
        await transfers.abort(key, upload_id)
    except ObjectStoreRefusedError as refused:
        tally.keep("uploads_refused", 1)
        _log.warning("upload_refused", f"An upload to {key} cannot be aborted: {refused}")
        return False
    return True


async def _end(connection: AsyncConnection, rows: Sequence[RowMapping]) -> Counts:
    pending = update(files).where(files.c.id.in_([row["file_id"] for row in rows]), files.c.status == "pending")
    await connection.execute(pending.values(user_id=None, status="failed", error=NEVER_COMPLETED))
    deleted = await connection.execute(delete(uploads).where(uploads.c.id.in_([row["id"] for row in rows])))
    return {EXPIRED: deleted.rowcount}


async def _known(tally: Tally, ids: Sequence[str]) -> set[str]:
    query = select(uploads.c.store_upload_id).where(uploads.c.store_upload_id.in_(ids))
    async with tally.database.read() as connection:
        return set((await connection.execute(query)).scalars())
