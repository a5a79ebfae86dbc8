"""Deletes objects that no row knows: uploads whose row is gone or never came, thumbnails that no file uses any more."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, union_all

from nightshift.database import Database
from nightshift.messaging.paging import KeysetPage, ObjectWalk, TimeLimit, process_pages
from nightshift.objects import ObjectInfo, ObjectMissingError, ObjectStore
from nightshift.observability.log import get_logger
from schema.tables import files
from services.maintenance.cleanup_runs import Run
from services.maintenance.object_deletion import remove
from services.maintenance.object_pages import object_pages

PREFIXES = ("thumbnails/", "uploads/")
"""Where the objects of files are. What lies elsewhere (reports, claim checks) has rules of its own."""
STRAY = "objects_without_row"
_log = get_logger("cleanup")


async def delete_stray_objects(
    run: Run, objects: ObjectStore, before: datetime, *, after: str | None, limit: TimeLimit, size: int
) -> ObjectWalk:
    """Deletes objects from before an instant that no file's row names, as its object or as its thumbnail.

    A younger one may belong to an upload in progress, or its row to a transaction that is still open. A database
    without any file is taken for the wrong one: nothing is deleted then.
    """
    anything = await _any_file(run.database)

    async def work(page: KeysetPage[ObjectInfo]) -> None:
        known = await _known(run.database, [entry.key for entry in page.rows])
        unknown = [entry for entry in page.rows if entry.key not in known]
        old = [entry for entry in unknown if entry.modified < before]
        run.keep("objects_in_use", len(known))
        run.keep("objects_too_young", len(unknown) - len(old))
        if anything:
            await _delete(run, objects, old, before)
        elif old:
            run.keep("objects_unchecked", len(old))

    walk = await process_pages(object_pages(objects, PREFIXES, size=size, after=after), work, limit=limit)
    if not anything and run.kept.get("objects_unchecked"):
        _log.warning(
            "no_files",
            "The bucket has old objects but the database has no file at all: nothing was deleted. Do DATABASE_URL and "
            "S3_BUCKET belong together?",
        )
    return walk


async def _delete(run: Run, objects: ObjectStore, old: Sequence[ObjectInfo], before: datetime) -> None:
    looks = await asyncio.gather(*(_is_still_old(objects, entry.key, before) for entry in old))
    still_old = [entry.key for entry, is_old in zip(old, looks, strict=True) if is_old]
    refused = await remove(objects, still_old)
    run.keep("objects_too_young", len(old) - len(still_old))
    run.keep("objects_refused", len(refused))
    await run.note({STRAY: len(still_old) - len(refused)})


async def _is_still_old(objects: ObjectStore, key: str, before: datetime) -> bool:
    """A thumbnail is named by its content: somebody may just have stored it anew, and be about to write its row."""
    try:
        return (await objects.stat(key)).modified < before
    except ObjectMissingError:
        return False


async def _known(database: Database, keys: Sequence[str]) -> set[str]:
    query = union_all(
        select(files.c.object_key).where(files.c.object_key.in_(keys)),
        select(files.c.thumbnail_key).where(files.c.thumbnail_key.in_(keys)),
    )
    async with database.read() as connection:
        return set((await connection.execute(query)).scalars())


async def _any_file(database: Database) -> bool:
    async with database.read() as connection:
        return (await connection.execute(select(files.c.id).limit(1))).first() is not None
