"""Removes objects side by side, and tells which ones the store refuses to remove."""

import asyncio
from collections.abc import Sequence

from nightshift.objects import ObjectStore, ObjectStoreRefusedError
from nightshift.observability.log import get_logger

_log = get_logger("cleanup")


async def remove(objects: ObjectStore, keys: Sequence[str]) -> set[str]:
    """Removes the objects under these keys, where there are any; returns the keys that the store refuses.

    Raises:
        Unavailable: the object store is away; some may be gone.
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
