"""A lease goes to one at a time, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

from nightshift.database import Database
from nightshift.housekeeping.lease import take_lease

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def _take(database: Database, task: str, at: float = 0, seconds: float = 20, *, service: str = "email") -> bool:
    now = NOW + timedelta(seconds=at)
    return await take_lease(database, service, task, now=now, until=now + timedelta(seconds=seconds))


async def test_of_many_who_ask_at_once_one_gets_it(database: Database) -> None:
    """Nobody else has it until it has expired."""
    assert sorted(await asyncio.gather(*(_take(database, "race") for _ in range(10)))) == [False] * 9 + [True]

    assert not await _take(database, "race", at=19.9)
    assert sorted(await asyncio.gather(*(_take(database, "race", at=20) for _ in range(10)))) == [False] * 9 + [True]


async def test_leases_of_others_do_not_count(database: Database) -> None:
    """Another task, and the same task of another service, has a lease of its own."""
    assert await _take(database, "one")
    assert await _take(database, "another")
    assert await _take(database, "one", service="report")
