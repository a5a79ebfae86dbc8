"""A broker that is away, a stream that is missing, and the end of a scheduler."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.scheduler.cron.schedule import schedule
from tests.integration.scheduler.world import DEADLINE_SECONDS, World

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY = [schedule(f"sync.s{number}", "0 * * * *", "all") for number in range(3)]


async def announced(world: World, name: str, count: int) -> list[datetime]:
    """Lets time pass in small steps until so many events are there: tries again lie some seconds ahead."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(due := await world.due(name)) < count:
            await world.pass_time(timedelta(seconds=1))
    return due


async def test_a_restart_of_the_broker_loses_and_repeats_nothing(world: World, broker: Broker) -> None:
    """What came due while it was away is announced when it is back, by two schedulers once."""
    await world.started(HOURLY, HOURLY)
    await world.pass_time(HOUR / 2)
    await broker.stop()
    turning = asyncio.create_task(world.pass_time(2 * HOUR))
    await broker.start()
    await turning
    for entry in HOURLY:
        assert await announced(world, entry.name, 3) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    await world.pass_time(HOUR)
    assert (await announced(world, "sync.s0", 4))[-1] == NOON + 3 * HOUR


async def test_a_missing_stream_is_waited_for(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Without the stream the log says so, and due times count from the start, not from its making."""
    await world.drop_stream()
    with caplog.at_level(logging.WARNING):
        announcer = world.start(HOURLY)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while "provision" not in caplog.text:  # noqa: ASYNC110 - a log has no signal to wait for
                await asyncio.sleep(0.01)
    await world.make_stream()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await announcer.recalled.wait()
    await world.clock.settle(1)
    await world.pass_time(HOUR / 2)
    assert await world.due("sync.s0") == [NOON]


async def test_a_stream_made_anew_is_gone_on_with(world: World) -> None:
    """Its sequences start again; the next due time is announced on it all the same."""
    await world.started(HOURLY)
    await world.pass_time(HOUR / 2)
    await world.make_stream()
    await world.pass_time(HOUR)
    assert await announced(world, "sync.s1", 1) == [NOON + HOUR]


async def test_a_scheduler_stops_while_it_waits_for_the_broker(world: World, broker: Broker) -> None:
    """A broker that is away holds nobody up."""
    await world.started(HOURLY)
    await broker.stop()
    try:
        async with asyncio.timeout(5):
            await world.stop()
    finally:
        await broker.start()
