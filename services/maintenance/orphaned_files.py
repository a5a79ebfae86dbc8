"""Deletes files that nobody owns: the rows without an owner, each with its object.

Objects go first and their rows after them: a run that is cut off in between leaves a row that the next one finds. So an
object must not come back to life meanwhile. A file without an owner cannot; an upload that never completed could, in
that moment. It is therefore taken from its owner first, under the condition that it is still incomplete, and from
then on it is a file without an owner like any other.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.housekeeping.object_deletion import delete_objects
from nightshift.housekeeping.tally import Counts, Tally
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, process_pages, table_pages
from nightshift.objects import ObjectStore
from schema.tables import NEVER_COMPLETED, files

OWNERLESS, ABANDONED = "files_without_owner", "uploads_never_completed"
_BY_ID = Keyset(files.c.id)
_BY_AGE = Keyset(files.c.created_at, files.c.id)
_NO_OWNER = files.c.user_id.is_(None)


async def disown_abandoned_uploads(tally: Tally, before: datetime, *, limit: TimeLimit, size: int) -> bool:
    """Take from their owners the uploads announced before an instant and never completed; return whether all are."""
    abandoned = (files.c.status == "pending", files.c.created_at < before, files.c.user_id.is_not(None))

    async def work(page: KeysetPage[RowMapping]) -> None:
        disown = update(files).where(_BY_AGE.within(page), *abandoned)
        async with tally.database.write() as connection:
            await connection.execute(disown.values(user_id=None, status="failed", error=NEVER_COMPLETED))

    pages = table_pages(tally.database, select(*_BY_AGE.columns).where(*abandoned), _BY_AGE, size=size)
    return (await process_pages(pages, work, limit=limit)).done


async def delete_ownerless_files(tally: Tally, objects: ObjectStore, *, limit: TimeLimit, size: int) -> bool:
    """Delete files without an owner, whatever their age; return whether there is no more to do.

    Their thumbnails are left to the walk through the objects: another file may have the same one. Where the store
    refuses to delete an object, its row stays. A run that got nothing but refusals counts as done, so that it has no
    successor.
    """

    async def work(page: KeysetPage[RowMapping]) -> None:
        refused = await delete_objects(objects, [row["object_key"] for row in page.rows])
        gone = [row["id"] for row in page.rows if row["object_key"] not in refused]
        tally.keep("objects_refused", len(refused))
        await tally.delete(lambda connection: _delete_rows(connection, gone))

    query = select(files.c.id, files.c.object_key).where(_NO_OWNER)
    walk = await process_pages(table_pages(tally.database, query, _BY_ID, size=size), work, limit=limit)
    return walk.done or not (tally.deleted[OWNERLESS] or tally.deleted[ABANDONED])


async def _delete_rows(connection: AsyncConnection, ids: Sequence[str]) -> Counts:
    statement = delete(files).where(files.c.id.in_(ids), _NO_OWNER).returning(files.c.error)
    errors = (await connection.execute(statement)).scalars().all()
    abandoned = errors.count(NEVER_COMPLETED)
    return {OWNERLESS: len(errors) - abandoned, ABANDONED: abandoned}
