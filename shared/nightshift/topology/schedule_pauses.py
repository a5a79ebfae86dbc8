"""Paused schedules: a message for each, in a small stream of their own which schedulers read.

A pause survives restarts, holds for all schedulers, and is gone when the schedule is resumed.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.jetstream import manage, store
from nightshift.topology.topology import CRON_PAUSED_STREAM

_PREFIX = "paused."


class Pause(msgspec.Struct, frozen=True):
    """A pause, and when it began."""

    since: datetime


async def paused(connection: Connection) -> frozenset[str]:
    """Return the names of the schedules that are paused.

    Raises:
        Unavailable: the broker is unavailable.
    """
    return frozenset(_names(message.subject for message in await direct_get.read_all(connection, CRON_PAUSED_STREAM)))


async def pause(connection: Connection, name: str, now: datetime) -> None:
    """Pause a schedule; one that is paused already stays so.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    await store(connection, _PREFIX + name, {}, msgspec.json.encode(Pause(now)))


async def resume(connection: Connection, name: str) -> None:
    """Resume a schedule; nothing happens to one that is not paused.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    await manage(connection, f"STREAM.PURGE.{CRON_PAUSED_STREAM}", {"filter": _PREFIX + name})


def _names(subjects: Iterable[str]) -> Iterable[str]:
    return (subject.removeprefix(_PREFIX) for subject in subjects)
