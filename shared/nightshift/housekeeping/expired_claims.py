"""Deletes claim checks whose date has passed."""

import re
from collections.abc import AsyncGenerator
from datetime import date

from nightshift.housekeeping.object_deletion import delete_objects
from nightshift.housekeeping.object_pages import object_pages
from nightshift.housekeeping.tally import Tally
from nightshift.messaging.paging import PAGE_ROWS, KeysetPage, TimeLimit, process_pages
from nightshift.objects import ObjectInfo, ObjectStore

CLAIMS, REFUSED = "claims", "objects_refused"
"""What is counted."""
_DATED = re.compile(r"claims/(\d{4}-\d{2}-\d{2})/[^/]+")
_ENOUGH = 10_000
"""The order is by date: behind so many that are still needed there is nothing to delete, only more to count."""


async def delete_expired_claims(
    tally: Tally, objects: ObjectStore, before: date, *, limit: TimeLimit, size: int = PAGE_ROWS
) -> bool:
    """Delete claim checks of dates before this one, page by page; return whether there is no more to do.

    Objects that are no claim checks stay. A run that got nothing but refusals from the store counts as done, so that
    it has no successor.

    Raises:
        Unavailable: the object store is unavailable; pages that are done stay done.
    """

    async def work(page: KeysetPage[ObjectInfo]) -> None:
        expired = [entry.key for entry in page.rows if is_expired(entry.key, before)]
        refused = await delete_objects(objects, expired)
        tally.keep(CLAIMS, len(page.rows) - len(expired))
        tally.keep(REFUSED, len(refused))
        await tally.count({CLAIMS: len(expired) - len(refused)})

    pages = object_pages(objects, ("claims/",), size=size)
    walk = await process_pages(_worth_reading(pages, tally), work, limit=limit)
    return walk.done or not tally.deleted.get(CLAIMS)


def is_expired(key: str, before: date) -> bool:
    """Return whether this is a claim check whose date lies before the other one."""
    match = _DATED.fullmatch(key)
    try:
        return match is not None and date.fromisoformat(match[1]) < before
    except ValueError:
        return False


async def _worth_reading(
    pages: AsyncGenerator[KeysetPage[ObjectInfo], None], tally: Tally
) -> AsyncGenerator[KeysetPage[ObjectInfo], None]:
    async for page in pages:
        yield page
        if tally.kept.get(CLAIMS, 0) >= _ENOUGH:
            return
