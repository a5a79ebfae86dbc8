"""A broker that is away, a stream that is missing, and the end of a scheduler."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.scheduler.cron.schedule import schedule
from tests.integration.scheduler.environment import DEADLINE_SECONDS, Environment

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY = [schedule(f"sync.s{number}", "0 * * * *", "all") for number in range(3)]


async def announced(environment: Environment, name: str, count: int) -> list[datetime]:
    """Lets time pass in small steps until so many events are there: tries again lie some seconds ahead."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(due := await environment.due(name)) < count:
            await environment.pass_time(timedelta(seconds=1))
    return due


async def test_a_restart_of_the_broker_loses_and_repeats_nothing(environment: Environment, broker: Broker) -> None:
    """What came due while it was away is announced when it is back, by two schedulers once."""
    await environment.started(HOURLY, HOURLY)
    await environment.pass_time(HOUR / 2)
    await broker.stop()
    turning = asyncio.create_task(environment.pass_time(2 * HOUR))
    await broker.start()
    await turning
    for entry in HOURLY:
        assert await announced(environment, entry.name, 3) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    await environment.pass_time(HOUR)
    assert (await announced(environment, "sync.s0", 4))[-1] == NOON + 3 * HOUR


async def test_a_missing_stream_is_waited_for(environment: Environment, caplog: pytest.LogCaptureFixture) -> None:
    """Without the stream the log says so, and due times count from the start, not from its making."""
    await environment.drop_stream()
    with caplog.at_level(logging.WARNING):
        announcer = environment.start(HOURLY)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while "provision" not in caplog.text:  # noqa: ASYNC110 - a log has no signal to wait for
                await asyncio.sleep(0.01)
    await environment.make_stream()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await announcer.loaded.wait()
    await environment.clock.settle(1)
    await environment.pass_time(HOUR / 2)
    assert await environment.due("sync.s0") == [NOON]


async def test_a_stream_made_anew_is_gone_on_with(environment: Environment) -> None:
    """Its sequences start again; the next due time is announced on it all the same."""
    await environment.started(HOURLY)
    await environment.pass_time(HOUR / 2)
    await environment.make_stream()
    await environment.pass_time(HOUR)
    assert await announced(environment, "sync.s1", 1) == [NOON + HOUR]


async def test_a_scheduler_stops_while_it_waits_for_the_broker(environment: Environment, broker: Broker) -> None:
    """A broker that is away holds nobody up."""
    await environment.started(HOURLY)
    await broker.stop()
    try:
        async with asyncio.timeout(5):
            await environment.stop()
    finally:
        await broker.start()
