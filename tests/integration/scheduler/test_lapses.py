"""Events that are dropped before their service has done them raise an alarm that counts them, and nothing else does."""

import logging
from datetime import timedelta
from functools import partial

import pytest

from nightshift.broker import Connection, NotPermittedError
from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage
from nightshift.contract.cron import event_subject, manual_subject
from nightshift.scheduler.announcing import lapses
from nightshift.scheduler.cron.schedule import Misfire, schedule
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import CRON_STREAM, EVENTS_KEPT, Consumer, Topology
from nightshift.worker.pull import Pull
from tests.harness import eventually
from tests.integration.scheduler.world import World

SECOND = timedelta(seconds=1)
SYNC = Consumer(stream=CRON_STREAM, name="sync", filter="cron.sync.>", new_only=True)
OFTEN, RARELY = schedule("sync.often", "* * * * * *", "all"), schedule("sync.rarely", "*/40 * * * * *", "all")


class Taker:
    """The service `sync`: takes its events; those of schedules that are in its way stay in hand."""

    def __init__(self, connection: Connection) -> None:
        self._pull = Pull(connection, CRON_STREAM, SYNC.name, self._take)
        self.stuck: set[str] = set()
        self.held: list[Delivery] = []
        self.done = 0

    async def start(self) -> None:
        """Begins to pull."""
        await self._pull.start()
        self._pull.ask(1000)

    async def stop(self) -> None:
        """Ends, as a process does that dies: what it holds stays pending."""
        await self._pull.stop()

    def has_done(self, count: int) -> bool:
        """Whether it has done so many."""
        return self.done == count

    def _take(self, delivery: Delivery) -> None:
        if delivery.subject in self.stuck:
            self.held.append(delivery)
            delivery.nak(timedelta(hours=1))
        else:
            delivery.ack()
            self.done += 1


@pytest.fixture
async def taker(world: World) -> Taker:
    """A consumer with nothing to do yet; nobody pulls."""
    await provision_broker(world.connections[2], Topology(streams=(), consumers=(SYNC,)))
    return Taker(world.connections[2])


def lapsed(world: World) -> dict[str, int]:
    """What all schedulers have counted together."""
    names = world.metrics[0].lapsed
    return {name: sum(metrics.lapsed[name] for metrics in world.metrics) for name in names}


async def caught_up(world: World) -> None:
    """Waits until the consumer has nothing left."""

    async def nothing() -> bool:
        info = await manage(world.connections[0], f"CONSUMER.INFO.{CRON_STREAM}.sync")
        return not info["num_pending"] and not info["num_ack_pending"]

    await eventually(nothing, what="the consumer has caught up")


async def test_events_that_nobody_took_are_counted_by_schedule(
    world: World, taker: Taker, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 130 events the first 30 lapse; two schedulers count each once; the log names schedule, number and due time."""
    await world.started([OFTEN, RARELY], [RARELY, OFTEN])
    await world.pass_time(130 * SECOND, steps=13)
    assert lapsed(world) == {"sync.often": 30, "sync.rarely": 0}
    lines = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 30
    assert "sync.often has lost" in lines[-1].getMessage()
    assert "due at 2026-07-01T11:30:30Z" in lines[-1].getMessage()
    await taker.start()
    await caught_up(world)
    assert taker.done == EVENTS_KEPT + len(await world.due("sync.rarely"))


async def test_what_was_in_hand_when_it_was_dropped_is_counted_and_what_was_done_is_not(
    world: World, taker: Taker
) -> None:
    """One event waits to be handled again for so long that it lapses; those beside it were done long ago."""
    await taker.start()
    taker.stuck = {event_subject("sync.often")}
    await world.started([OFTEN, schedule("sync.other", "* * * * * *", "all")])
    await world.pass_time(SECOND)
    await eventually(lambda: taker.held, what="one is in hand")
    taker.stuck.clear()
    await world.pass_time((EVENTS_KEPT + 20) * SECOND, steps=12)
    await eventually(lambda: any(lapsed(world).values()), what="the alarm")
    await caught_up(world)
    assert lapsed(world) == {"sync.often": 1, "sync.other": 0}


async def test_ordinary_life_raises_no_alarm(world: World, taker: Taker) -> None:
    """Hundreds of events taken in time, one that waits, events by hand, a consumer made anew after a long absence."""
    taker.stuck = {event_subject("sync.rarely")}
    await taker.start()
    await world.started([OFTEN, RARELY])
    for turn in range(1, 7):
        await world.pass_time(40 * SECOND, steps=4)
        await eventually(partial(taker.has_done, 40 * turn), what="they are taken")
    for _ in range(EVENTS_KEPT + 50):
        await world.put(manual_subject("sync.often"), b"{}")
    await taker.stop()
    await manage(world.connections[0], f"CONSUMER.DELETE.{CRON_STREAM}.sync")
    await world.pass_time(20 * SECOND)
    await provision_broker(world.connections[2], Topology(streams=(), consumers=(SYNC,)))
    await world.pass_time(90 * SECOND, steps=3)
    assert lapsed(world) == {"sync.often": 0, "sync.rarely": 0}


@pytest.mark.parametrize(("policy", "lost"), [("skip", 0), ("latest", 0), ("all", 15)])
async def test_making_up_for_missed_events_counts_what_it_pushes_out(
    world: World, taker: Taker, policy: Misfire, lost: int
) -> None:
    """The broker is back for a moment between two outages: schedulers announce 75 and 40, no worker comes to take any.

    What was there before is done, and may be pushed out.
    """
    await taker.start()
    await world.started([schedule("sync.even", "*/2 * * * * *", policy)])
    await world.pass_time(50 * SECOND)
    await caught_up(world)
    await taker.stop()
    for outage_seconds in (150, 80):
        await world.pass_time(outage_seconds * SECOND)
    assert lapsed(world) == {"sync.even": lost}


async def test_a_scheduler_that_may_not_look_announces_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The alarm is worth less than the event; one warning says that it is missing."""

    async def refuse(_connection: Connection, call: str, **_: float) -> None:
        raise NotPermittedError(call, 0, "this user has no permission to publish there")

    monkeypatch.setattr(lapses, "manage", refuse)
    await world.started([OFTEN])
    await world.pass_time(5 * SECOND, steps=5)
    assert len(await world.due("sync.often")) == 5
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
