"""Memory for large bodies is bounded; small ones need none."""

import asyncio

import pytest

from nightshift.gateway.problems import Problem
from nightshift.gateway.room import SMALL_BYTES, Room


async def test_what_does_not_fit_waits_and_then_is_told_to_come_again() -> None:
    """Two of three fit; the third goes on when one has ended, and is refused when none ends in time."""
    room = Room(2_000_000, wait_seconds=0.05)
    async with room.reserve(1_000_000), room.reserve(1_000_000):
        with pytest.raises(Problem, match="busy") as busy:
            async with room.reserve(SMALL_BYTES + 1):
                pass
        assert busy.value.headers["Retry-After"] == "1"
        async with room.reserve(SMALL_BYTES):
            pass
    async with room.reserve(2_000_000):
        pass


async def test_whoever_waits_is_let_in_when_another_leaves() -> None:
    """Also when that one left by an error."""
    room, entered = Room(1_000_000, wait_seconds=5), asyncio.Event()

    async def wait() -> None:
        async with room.reserve(900_000):
            entered.set()

    async def leave_by_an_error() -> None:
        async with room.reserve(900_000):
            raise ValueError("left")

    first = room.reserve(900_000)
    async with first:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert not entered.is_set()
    await waiting
    with pytest.raises(ValueError, match="left"):
        await leave_by_an_error()
    async with room.reserve(900_000):
        pass
