"""Deletes objects concurrently, and tells which ones the store refuses to delete."""

import asyncio
from collections.abc import Sequence

from nightshift.objects import ObjectStore, ObjectStoreRefusedError
from nightshift.observability.log import get_logger

_log = get_logger("cleanup")


async def delete_objects(objects: ObjectStore, keys: Sequence[str]) -> set[str]:
    """Delete the objects under these keys, where there are any; return the keys that the store refuses.

    Raises:
        Unavailable: the object store is unavailable; some may be gone.
    """
    answers = await asyncio.gather(*(objects.delete(key) for key in keys), return_exceptions=True)
    refused: dict[str, ObjectStoreRefusedError] = {}
    for key, answer in zip(keys, answers, strict=True):
        if isinstance(answer, ObjectStoreRefusedError):
            refused[key] = answer
        elif answer is not None:
            raise answer
    if refused:
        key, reason = next(iter(refused.items()))
        _log.warning("objects_refused", f"{len(refused)} objects cannot be deleted, for instance {key}: {reason}")
    return set(refused)
