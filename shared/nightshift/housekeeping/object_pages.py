"""Reads the objects of a store in pages."""

from collections.abc import AsyncGenerator, Sequence

from nightshift.messaging.paging import Key, KeysetPage
from nightshift.objects import ObjectInfo, ObjectStore


async def object_pages(
    objects: ObjectStore, prefixes: Sequence[str], *, size: int, after: str | None = None
) -> AsyncGenerator[KeysetPage[ObjectInfo], None]:
    """Read the objects under one prefix after the other; `after` is a key under one of them, behind which to go on.

    Raises:
        Unavailable: the object store is unavailable.
    """
    behind: Key | None = None
    for prefix in _left(prefixes, after):
        rows: list[ObjectInfo] = []
        async for entry in objects.list(prefix, after=after if after and after.startswith(prefix) else ""):
            rows.append(entry)
            if len(rows) == size:
                yield KeysetPage(rows, behind, (entry.key,))
                behind, rows = (entry.key,), []
        if rows:
            yield KeysetPage(rows, behind, (rows[-1].key,))
            behind = (rows[-1].key,)


def _left(prefixes: Sequence[str], after: str | None) -> Sequence[str]:
    """Return the prefixes that are not finished yet."""
    begun = [number for number, prefix in enumerate(prefixes) if after and after.startswith(prefix)]
    return prefixes[begun[0] :] if begun else prefixes
