"""A time limit for anything."""

import asyncio
import contextlib
import time

import pytest

from nightshift.deadline import within


async def test_what_is_in_time_is_returned_or_raised() -> None:
    """As if nobody had looked at the clock."""

    async def answer() -> int:
        return 7

    async def fail() -> None:
        raise LookupError("no")

    assert await within(1, answer()) == 7
    with pytest.raises(LookupError):
        await within(1, fail())


async def test_what_cannot_be_cancelled_is_not_waited_for() -> None:
    """It was told to end, and may take as long as it likes."""
    told, end = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await end.wait()
            told.set()

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await within(0.05, stubborn())
    assert time.monotonic() - began < 5
    await told.wait()
    end.set()


async def test_whoever_is_cancelled_leaves_nothing_running() -> None:
    """The work is cancelled with its caller."""
    work = asyncio.ensure_future(asyncio.Event().wait())
    caller = asyncio.create_task(within(60, work))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await asyncio.gather(work, return_exceptions=True)
    assert work.cancelled()
