"""Rows that the gateway writes for the relay while the broker is away, on SQLite and on PostgreSQL."""

import asyncio

from sqlalchemy import select

from nightshift.database import Database
from nightshift.database.tables import outbox
from nightshift.gateway.outbox_rows import OutboxRows
from nightshift.instants import utc_now
from nightshift.messaging import outbound

TYPE = "webhook.received"


async def ids(database: Database) -> list[str]:
    """Return what is in the outbox."""
    async with database.read() as connection:
        return sorted(row[0] for row in await connection.execute(select(outbox.c.id)))


async def test_a_row_that_is_there_stays_and_is_told(database: Database) -> None:
    """The same event again is one row, whether it comes alone, among others or at the same time."""
    rows = OutboxRows(database, utc_now)
    first, second = (outbound.job(TYPE, name, b"{}", {}) for name in ("first", "second"))
    assert list(await rows.write([first], None)) == [True]
    assert list(await rows.write([first], None)) == [False]
    assert list(await rows.write([second, first], None)) == [True, False]
    third = outbound.job(TYPE, "third", b"{}", {})
    at_once = await asyncio.gather(*(rows.write([third], None) for _ in range(20)))
    assert sorted(new for (new,) in at_once) == [False] * 19 + [True]
    assert await ids(database) == [f"gateway/{TYPE}/{name}/0" for name in ("first", "second", "third")]


async def test_a_row_of_another_instance_of_the_gateway_counts(database: Database) -> None:
    """Two replicas get the same events in opposite order; neither waits for the other for ever."""
    here, there = OutboxRows(database, utc_now), OutboxRows(database, utc_now)
    messages = [outbound.job(TYPE, f"shared-{number:02}", b"{}", {}) for number in range(60)]
    mine, theirs = await asyncio.gather(here.write(messages, None), there.write(messages[::-1], None))
    assert sorted(map(sum, ([*mine], [*theirs]))) == [0, 60]
    assert len([one for one in await ids(database) if "/shared-" in one]) == 60
