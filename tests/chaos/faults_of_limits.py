"""Faults that are limits: a full queue, a full dead-letter stream, the broker's disk."""

import asyncio
import random
from typing import Any

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage, store
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import MAX_WAITING_BYTES
from tests.chaos.world import DEAD_LETTER_BYTES, QUEUE_BYTES, World

_FILLER = "FILLER"
_NOT_FOUND = 10059
_CHUNK = b"x" * (900 << 10)


async def queue_full(world: World, dice: random.Random) -> None:
    """The queue takes nothing more: producers are refused, follow-ups go round by way of `later.`."""
    await _limited(world, "CHAOS", QUEUE_BYTES, dice.uniform(2, 5))


async def dead_letters_full(world: World, dice: random.Random) -> None:
    """The dead-letter stream takes nothing more: the jobs stay."""
    await _limited(world, "CHAOS_DLQ", DEAD_LETTER_BYTES, dice.uniform(3, 7))


async def copies_refused(world: World, dice: random.Random) -> None:
    """No copy for later is taken: failed jobs are nak'ed again and again, by all workers in turn."""
    await _change(world, "CHAOS_LATER", max_msg_size=1)
    await asyncio.sleep(dice.uniform(5, 9))
    await _change(world, "CHAOS_LATER", max_msg_size=MAX_WAITING_BYTES)


async def disk_full(world: World, dice: random.Random) -> None:
    """The broker's disk limit is reached: it stores nothing, and schedules that come due do not fire."""
    connection = world.connection
    config = {"name": _FILLER, "subjects": ["filler"], "storage": "file"}
    await _patiently(world, f"STREAM.CREATE.{_FILLER}", config)
    try:
        for _ in range(200):
            await store(connection, "filler", {}, _CHUNK, timeout_seconds=5)
    except (BrokerRefusedError, Unavailable):
        await asyncio.sleep(dice.uniform(3, 6))
    await _patiently(world, f"STREAM.DELETE.{_FILLER}")


async def _limited(world: World, stream: str, usual: int, seconds: float) -> None:
    await _change(world, stream, max_bytes=1)
    await asyncio.sleep(seconds)
    await _change(world, stream, max_bytes=usual)


async def _change(world: World, stream: str, **options: int) -> None:
    info = await _patiently(world, f"STREAM.INFO.{stream}")
    await _patiently(world, f"STREAM.UPDATE.{stream}", {**info["config"], **options})


async def _patiently(world: World, call: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    """A management call that other faults may be in the way of."""
    while True:
        try:
            return await manage(world.connection, call, request)
        except Unavailable:
            await asyncio.sleep(0.5)
        except BrokerRefusedError as refused:
            if refused.code != _NOT_FOUND:
                raise
            return {}  # the answer to an earlier try was lost: it is deleted already
