"""Waiting for something on a client's behalf: for so long, and not beyond the end of the process."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def result_or(otherwise: T, waiting: Coroutine[Any, Any, T], *, seconds: float, draining: asyncio.Event) -> T:
    """Return what is waited for, or `otherwise` after so many seconds and when the process stops."""
    coming = asyncio.ensure_future(waiting)
    stopping = asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait({coming, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else otherwise
    finally:
        coming.cancel()
        stopping.cancel()
