"""Deletes objects that no row names: uploads whose row is gone or never came, thumbnails that no file uses any more."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, union_all

from nightshift.database import Database
from nightshift.housekeeping.object_deletion import delete_objects
from nightshift.housekeeping.object_pages import object_pages
from nightshift.housekeeping.tally import Tally
from nightshift.messaging.paging import KeysetPage, TimeLimit, Walk, process_pages
from nightshift.objects import ObjectInfo, ObjectMissingError, ObjectStore
from nightshift.observability.log import get_logger
from schema.tables import files

PREFIXES = ("thumbnails/", "uploads/")
"""Where the objects of files are. What lies elsewhere (reports, claim checks) has rules of its own."""
WITHOUT_ROW = "objects_without_row"
_log = get_logger("cleanup")


async def delete_orphaned_objects(
    tally: Tally, objects: ObjectStore, before: datetime, *, after: str | None, limit: TimeLimit, size: int
) -> Walk:
    """Delete objects from before an instant that no file's row names, as its object or as its thumbnail.

    A younger one may belong to an upload in progress, or its row to a transaction that is still open. A database
    without any file is taken for the wrong one: nothing is deleted then.
    """
    anything = await _any_file(tally.database)

    async def work(page: KeysetPage[ObjectInfo]) -> None:
        known = await _known(tally.database, [entry.key for entry in page.rows])
        unknown = [entry for entry in page.rows if entry.key not in known]
        old = [entry for entry in unknown if entry.modified < before]
        tally.keep("objects_in_use", len(known))
        tally.keep("objects_too_young", len(unknown) - len(old))
        if anything:
            await _delete(tally, objects, old, before)
        elif old:
            tally.keep("objects_unchecked", len(old))

    walk = await process_pages(object_pages(objects, PREFIXES, size=size, after=after), work, limit=limit)
    if not anything and tally.kept.get("objects_unchecked"):
        _log.warning(
            "no_files",
            "The bucket has old objects but the database has no file at all: nothing was deleted. Do DATABASE_URL and "
            "S3_BUCKET belong together?",
        )
    return walk


async def _delete(tally: Tally, objects: ObjectStore, old: Sequence[ObjectInfo], before: datetime) -> None:
    looks = await asyncio.gather(*(_is_still_old(objects, entry.key, before) for entry in old))
    still_old = [entry.key for entry, is_old in zip(old, looks, strict=True) if is_old]
    refused = await delete_objects(objects, still_old)
    tally.keep("objects_too_young", len(old) - len(still_old))
    tally.keep("objects_refused", len(refused))
    await tally.count({WITHOUT_ROW: len(still_old) - len(refused)})


async def _is_still_old(objects: ObjectStore, key: str, before: datetime) -> bool:
    """Look again: a thumbnail is named by its content, and somebody may just have stored it anew."""
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
