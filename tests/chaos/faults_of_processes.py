"""Faults that strike our own processes: killed, restarted in good order, frozen, or felled by a job."""

import asyncio
import random
import signal
import time

from nightshift.broker import BrokerRefusedError
from nightshift.outcomes import Unavailable
from tests.chaos import fault_points
from tests.chaos.messages import Kind, RunChaos
from tests.chaos.replica import Replica
from tests.chaos.world import World

_PATIENCE_SECONDS = 25.0
_IN_GOOD_ORDER = (0, None, -signal.SIGTERM, -signal.SIGKILL, fault_points.EXIT_CODE, fault_points.KILLER_CODE)
"""-SIGTERM: it was still starting; the last three: another fault struck during the restart."""


async def kill_worker(world: World, dice: random.Random) -> None:
    """A worker is killed with -9 at whatever moment."""
    await dice.choice(world.workers).kill()


async def kill_all_workers(world: World, _dice: random.Random) -> None:
    """All workers are killed at one moment."""
    await asyncio.gather(*(worker.kill() for worker in world.workers))


async def kill_mailer(world: World, dice: random.Random) -> None:
    """An email worker is killed, perhaps between the mail server's answer and the commit."""
    await dice.choice(world.mailers).kill()


async def kill_scheduler(world: World, dice: random.Random) -> None:
    """A scheduler is killed; now and then all of them are."""
    struck = world.schedulers if dice.random() < 0.3 else [dice.choice(world.schedulers)]
    await asyncio.gather(*(scheduler.kill() for scheduler in struck))


async def kill_producer(world: World, dice: random.Random) -> None:
    """A producer is killed with answers still to come."""
    await dice.choice(world.producers).kill()


async def end_at_every_fault_point(world: World, dice: random.Random) -> None:
    """At each fault point one worker ends: the next that passes it."""
    for point in dice.sample(fault_points.POINTS, len(fault_points.POINTS)):
        fault_points.demand(world.stack.folder, point)
        await asyncio.sleep(1)


async def rolling_restart(world: World, _dice: random.Random) -> None:
    """Every worker is asked to end, one after the other, under load: each ends with exit code 0, in time."""
    for replica in (*world.workers, *world.mailers):
        code = await replica.roll()
        if code not in _IN_GOOD_ORDER:
            world.breaches.append(f"{replica.name} ended with exit code {code} after SIGTERM")
        await asyncio.sleep(0.5)


async def zombie(world: World, dice: random.Random) -> None:
    """A worker stands still for longer than its deliveries may, and goes on with what others have done meanwhile."""
    await _freeze(dice.choice(world.workers), world.scale.pace.ack_wait_seconds * dice.uniform(1.2, 2))


async def mailer_zombie(world: World, dice: random.Random) -> None:
    """The same for an email worker."""
    await _freeze(dice.choice(world.mailers), world.scale.pace.ack_wait_seconds * 1.3)


async def _freeze(replica: Replica, seconds: float) -> None:
    process = replica.process
    process.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        process.resume()


async def killer_job(world: World, _dice: random.Random) -> None:
    """A job that kills every worker that takes it."""
    await _send(world, "killer")


async def blocking_job(world: World, _dice: random.Random) -> None:
    """A job that blocks its worker's event loop for longer than deliveries may take."""
    await _send(world, "blocker")


async def hanging_job(world: World, _dice: random.Random) -> None:
    """A job that never ends."""
    await _send(world, "hang")


async def _send(world: World, kind: Kind) -> None:
    """Sends one, unless the broker is away for long: those of ten minutes must not strike all at its return."""
    job_id = world.next_id(kind)
    world.journal.about_to_send(job_id, kind)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            await world.publisher.publish(RunChaos(kind=kind), job_id=job_id)
        except (BrokerRefusedError, Unavailable):
            await asyncio.sleep(0.5)
        else:
            world.journal.accepted(job_id)
            return
