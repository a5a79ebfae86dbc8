"""A bulk queue held against a model: after whatever happens, each job that nobody acknowledged is in the stream."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift.broker import BrokerRefusedError, Connection, QueueFullError, direct_get
from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.housekeeping.trimming import Trimmer
from nightshift.messaging.publisher import Publisher
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import FloorNotTrustedError, Purge, QueueState
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from nightshift.worker.pull import Pull
from tests.harness import RunProbe, connected, eventually, probe_topology, set_ack_wait

STEPS = int(os.environ.get("MODEL_STEPS", "250"))
SEEDS = [int(seed) for seed in os.environ.get("MODEL_SEEDS", "1 2 3").split()]
SMALL = StreamLimits(queue_bytes=1 << 17)
"""So small that a quarter of it is soon held by what is done: done jobs above the floor are deleted one by one, too."""
DECLARED = probe_topology(SMALL, bulk=True)
CONSUMER = next(filter(bulk_queue.is_queue, DECLARED.consumers))
ACK_WAIT_SECONDS = 1.0


class _DiedError(BaseException):
    """The process of a worker has ended."""


class DyingTrimmer(Trimmer):
    """One whose process may end before and after everything that it asks of the broker."""

    dies_in = 0
    """So many points further on; 0: it does not."""

    def _point(self) -> None:
        self.dies_in -= 1
        if self.dies_in == 0:
            raise _DiedError

    async def _look(self) -> QueueState | None:
        self._point()
        state = await super()._look()
        self._point()
        return state

    async def _purge(self, state: QueueState) -> bool:
        self._point()
        removed = await super()._purge(state)
        self._point()
        return removed

    async def _delete_one(self, sequence: int) -> None:
        self._point()
        await super()._delete_one(sequence)
        self._point()


@dataclass
class Hand:
    """A worker of the model: its connection, its pull, its trimmer, and what it has in hand."""

    connection: Connection
    trimmer: DyingTrimmer
    pull: Pull
    in_hand: list[Delivery] = field(default_factory=list)


@dataclass
class World:
    """The real queue, and what the model knows about it."""

    broker: Broker
    dice: random.Random
    operator: Connection
    hands: list[Hand]
    stack: AsyncExitStack
    open: dict[int, str] = field(default_factory=dict)
    """Jobs that were accepted and that nobody has acknowledged: sequence and name."""
    late: list[Purge] = field(default_factory=list)
    """Requests that were built, and have not been sent yet."""
    published: int = 0
    history: list[str] = field(default_factory=list)

    async def check(self) -> None:
        """Hold the stream against the model."""
        found = {one.sequence: one for one in await direct_get.read_all(self.operator, "PROBE")}
        missing = {sequence: name for sequence, name in self.open.items() if sequence not in found}
        assert not missing, f"{missing} left the queue although nobody acknowledged them; {self.history[-20:]}"
        for sequence, name in self.open.items():
            assert msgspec.json.decode(found[sequence].body)["name"] == name


async def hand(world: World) -> Hand:
    """Return a new worker."""
    connection = await world.stack.enter_async_context(connected(world.broker, "probe"))
    trimmer = DyingTrimmer(CONSUMER, connection, Metrics())
    in_hand: list[Delivery] = []
    pull = Pull(connection, "PROBE", "probe", in_hand.extend, acknowledged=trimmer.acknowledged)
    await pull.start()
    connection.on_reconnect.append(pull.renew)
    return Hand(connection, trimmer, pull, in_hand)


async def publish(world: World) -> None:
    """Publish some jobs; those that the broker accepted are open."""
    names = [f"n{world.published + number}" for number in range(world.dice.randint(1, 40))]
    world.published += len(names)
    try:
        receipts = await Publisher(world.operator).publish_many([RunProbe(name=name) for name in names])
    except QueueFullError:
        return
    world.open.update({receipt.sequence: name for receipt, name in zip(receipts, names, strict=True)})


async def deliver(world: World) -> None:
    """Let a worker ask for some."""
    one = world.dice.choice(world.hands)
    one.pull.request(world.dice.randint(1, 60))
    await asyncio.sleep(0.01)


def some(world: World) -> tuple[Hand, list[Delivery]]:
    """Take some of what a worker has in hand, in any order."""
    one = world.dice.choice(world.hands)
    taken = world.dice.sample(one.in_hand, world.dice.randint(0, len(one.in_hand)))
    one.in_hand[:] = [delivery for delivery in one.in_hand if delivery not in taken]
    return one, taken


async def ack(world: World) -> None:
    """Acknowledge: from here on the job may leave the stream."""
    one, taken = some(world)
    for delivery in taken:
        world.open.pop(delivery.sequence, None)
        delivery.ack()
    await one.connection.flush()


async def nak(world: World) -> None:
    """Have some delivered again, at once or later."""
    one, taken = some(world)
    for delivery in taken:
        delivery.nak(timedelta(seconds=world.dice.choice([0, 0.05, 0.5])))
    await one.connection.flush()


async def crash(world: World) -> None:
    """End a worker without a word, and start another one."""
    number = world.dice.randrange(len(world.hands))
    await world.hands[number].connection.close()
    world.hands[number] = await hand(world)


async def crash_broker(world: World) -> None:
    """Kill the broker; it comes back with what it has on its disk."""
    await world.broker.kill()
    await world.broker.start()
    for connection in (world.operator, *(one.connection for one in world.hands)):
        await connection.ready(20)


async def trim(world: World) -> None:
    """Let a worker remove what is done."""
    await world.dice.choice(world.hands).trimmer.trim()


async def die_while_trimming(world: World) -> None:
    """End a worker before or after a look, a purge or a deletion, and start another one."""
    number = world.dice.randrange(len(world.hands))
    one = world.hands[number]
    one.trimmer.dies_in = world.dice.randint(1, 9)
    try:
        await one.trimmer.trim()
    except _DiedError:
        await one.connection.close()
        world.hands[number] = await hand(world)
    one.trimmer.dies_in = 0


async def build_request(world: World) -> None:
    """Build a request that is sent at some later time."""
    state = await bulk_queue.look(world.operator, CONSUMER)
    assert state is not None
    if (purge := bulk_queue.purge_of_done(state)) is not None:
        world.late.append(purge)


async def send_late(world: World) -> None:
    """Send a request that is as old as may be."""
    if world.late:
        purge = world.late.pop(world.dice.randrange(len(world.late)))
        await manage(world.operator, "STREAM.PURGE.PROBE", msgspec.to_builtins(purge))


async def cancel(world: World) -> None:
    """Take an open job back, as an operator does."""
    if world.open:
        sequence = world.dice.choice(sorted(world.open))
        await manage(world.operator, "STREAM.MSG.DELETE.PROBE", {"seq": sequence, "no_erase": True})
        del world.open[sequence]


async def meddle(world: World) -> None:
    """Put a consumer of somebody else beside ours for a moment: nothing may be removed meanwhile."""
    config = {"durable_name": "other", "ack_policy": "explicit", "deliver_policy": "new"}
    await manage(world.operator, "CONSUMER.CREATE.PROBE.other", {"stream_name": "PROBE", "config": config})
    with pytest.raises(FloorNotTrustedError):
        await world.hands[0].trimmer.trim()
    await manage(world.operator, "CONSUMER.DELETE.PROBE.other")


async def remake_consumer(world: World) -> None:
    """Let somebody skip everything by a consumer of his own; provisioning puts it right."""
    await manage(world.operator, "CONSUMER.DELETE.PROBE.probe")
    skipping = {**CONSUMER.config(), "deliver_policy": "new"}
    create = "CONSUMER.CREATE.PROBE.probe.jobs.probe.>"
    await manage(world.operator, create, {"stream_name": "PROBE", "config": skipping})
    with pytest.raises(FloorNotTrustedError):
        await world.hands[-1].trimmer.trim()
    await provision_broker(world.operator, DECLARED)
    await set_ack_wait(world.operator, ACK_WAIT_SECONDS)


Step = Callable[[World], Awaitable[None]]
USUAL: tuple[Step, ...] = (publish, deliver, deliver, ack, ack, nak, trim, trim, build_request, send_late, cancel)
RARE: tuple[Step, ...] = (crash, die_while_trimming, die_while_trimming, crash_broker, meddle, remake_consumer)


@asynccontextmanager
async def opened(folder: Path, seed: int) -> AsyncIterator[World]:
    """A broker with a bulk queue, two workers, and the model of it."""
    broker = Broker(folder / "broker")
    await broker.start()
    try:
        async with AsyncExitStack() as stack:
            operator = await stack.enter_async_context(connected(broker, "operator"))
            await provision_broker(operator, DECLARED)
            await set_ack_wait(operator, ACK_WAIT_SECONDS)
            world = World(broker, random.Random(seed), operator, [], stack)  # noqa: S311 - no secret
            world.hands = [await hand(world), await hand(world)]
            yield world
    finally:
        await broker.kill()


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_job_that_nobody_acknowledged_is_in_the_queue_after_whatever_happens(
    tmp_path: Path, seed: int
) -> None:
    """Deliveries, answers in any order, dead workers, a dead broker, foreign consumers, requests that come late."""
    async with opened(tmp_path, seed) as world:
        for _ in range(STEPS):
            step = world.dice.choice(RARE if world.dice.random() < 0.06 else USUAL)
            world.history.append(step.__name__)
            try:
                await step(world)
            except (Unavailable, BrokerRefusedError) as error:
                world.history.append(f"({error})")
            await world.check()
        await eventually(lambda: _is_worked_off(world), what="everything is acknowledged and removed")


async def _is_worked_off(world: World) -> bool:
    for one in world.hands:
        one.pull.request(200)
    await asyncio.sleep(0.05)
    for one in world.hands:
        for delivery in one.in_hand:
            world.open.pop(delivery.sequence, None)
            delivery.ack()
        one.in_hand.clear()
        await one.connection.flush()
        await one.trimmer.trim()
    await world.check()
    state = await bulk_queue.look(world.operator, CONSUMER)
    return state is not None and state.messages == 0
