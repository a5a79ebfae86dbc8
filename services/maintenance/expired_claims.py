"""Deletes claim checks whose date has passed."""

import re
from collections.abc import AsyncGenerator
from datetime import date

from nightshift.messaging.paging import KeysetPage, TimeLimit, process_pages
from nightshift.objects import ObjectInfo, ObjectStore
from services.maintenance.cleanup_runs import Run
from services.maintenance.object_deletion import remove
from services.maintenance.object_pages import object_pages

_DATED = re.compile(r"claims/(\d{4}-\d{2}-\d{2})/[^/]+")
_ENOUGH = 10_000
"""The order is by date: behind so many that are still needed there is nothing to delete, only more to count."""


async def delete_expired_claims(run: Run, objects: ObjectStore, before: date, *, limit: TimeLimit, size: int) -> bool:
    """Deletes claim checks of dates before this one; returns whether there is no more to do.

    What is no claim check stays. A job that got nothing but refusals from the store wants no successor.
    """

    async def work(page: KeysetPage[ObjectInfo]) -> None:
        expired = [entry.key for entry in page.rows if is_expired(entry.key, before)]
        refused = await remove(objects, expired)
        run.keep("claims", len(page.rows) - len(expired))
        run.keep("objects_refused", len(refused))
        await run.note({"claims": len(expired) - len(refused)})

    pages = object_pages(objects, ("claims/",), size=size)
    walk = await process_pages(_worth_reading(pages, run), work, limit=limit)
    return walk.done or not run.deleted["claims"]


def is_expired(key: str, before: date) -> bool:
    """Whether this is a claim check whose date lies before the other one."""
    match = _DATED.fullmatch(key)
    try:
        return match is not None and date.fromisoformat(match[1]) < before
    except ValueError:
        return False


async def _worth_reading(
    pages: AsyncGenerator[KeysetPage[ObjectInfo], None], run: Run
) -> AsyncGenerator[KeysetPage[ObjectInfo], None]:
    async for page in pages:
        yield page
        if run.kept.get("claims", 0) >= _ENOUGH:
            return
