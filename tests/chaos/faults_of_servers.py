"""Faults that strike what our processes stand on: broker, database, object store, mail server, clock."""

import asyncio
import random
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta

from nightshift.embedded.servers.server import Server
from tests.chaos.inner_faults import REFUSED_OBJECTS
from tests.chaos.world import World


async def broker_killed(world: World, dice: random.Random) -> None:
    """The broker is killed and comes back a moment later."""
    await world.stack.broker.kill()
    await asyncio.sleep(dice.uniform(0, 2))
    await world.stack.broker.start()


async def broker_restarted(world: World, _dice: random.Random) -> None:
    """The broker is restarted in good order."""
    await world.stack.broker.restart()


async def broker_away(world: World, dice: random.Random) -> None:
    """The broker is away for a while."""
    await _away(world.stack.broker, dice.uniform(3, 8))


async def broker_frozen(world: World, dice: random.Random) -> None:
    """The broker stands still: connections stay open and nothing answers."""
    await _frozen(world.stack.broker, dice.uniform(2, 6))


async def broker_away_long(world: World, _dice: random.Random) -> None:
    """The broker is away for longer than the client library's own patience (60 tries, two seconds apart)."""
    await _away_and_told(world, 150)


async def broker_away_ten_minutes(world: World, _dice: random.Random) -> None:
    """The broker is away for ten minutes, in which everything else goes on to be struck."""
    await _away_and_told(world, 600)


async def _away_and_told(world: World, seconds: float) -> None:
    """Every process must say that it is not ready, if it says anything: it may be frozen or about to start."""
    await world.stack.broker.stop()
    await asyncio.sleep(seconds / 2)
    for replica in (*world.workers, *world.mailers, *world.schedulers):
        if " 200 " in (said := await replica.answer("/readyz")).partition("\n")[0]:
            world.breaches.append(f"{replica.name} says that it is ready, without a broker: {said[-200:]}")
    await asyncio.sleep(seconds / 2)
    await world.stack.broker.start()


async def database_locked(world: World, dice: random.Random) -> None:
    """Another process holds the database's write lock."""
    with closing(
        sqlite3.connect(world.stack.database, isolation_level=None, timeout=60, check_same_thread=False)
    ) as other:
        await asyncio.to_thread(_lock, other)
        await asyncio.sleep(dice.uniform(3, 7))
        other.execute("ROLLBACK")


def _lock(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")


async def database_full(world: World, dice: random.Random) -> None:
    """For one worker no file can grow: neither the database's nor its log's."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - Unix only

    pid = dice.choice(world.workers).process.pid
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        await asyncio.sleep(dice.uniform(2, 5))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ProcessLookupError:  # something else has struck it meanwhile
        return


async def objects_away(world: World, dice: random.Random) -> None:
    """The object store is away: long bodies can neither be sent nor read."""
    await _away(world.stack.objects, dice.uniform(2, 5))


async def objects_frozen(world: World, dice: random.Random) -> None:
    """The object store takes connections and does not answer."""
    await _frozen(world.stack.objects, dice.uniform(2, 5))


async def objects_refused(world: World, dice: random.Random) -> None:
    """The object store refuses to keep anything for the workers: its quota is used up."""
    flag = world.stack.folder / REFUSED_OBJECTS
    flag.touch()
    await asyncio.sleep(dice.uniform(3, 6))
    flag.unlink(missing_ok=True)


async def mail_away(world: World, dice: random.Random) -> None:
    """The mail server refuses connections."""
    await world.stack.mail.kill()
    await asyncio.sleep(dice.uniform(1, 3))
    await world.stack.mail.start()


async def mail_frozen(world: World, dice: random.Random) -> None:
    """The mail server takes connections and does not answer."""
    await _frozen(world.stack.mail, dice.uniform(2, 5))


async def clock_moved(world: World, dice: random.Random) -> None:
    """The clock of a scheduler is set an hour forward or back, or a few seconds."""
    world.moved.clock.off += timedelta(seconds=dice.choice([-3600, -7, -3, 3, 9, 3600]))
    await asyncio.sleep(2)


async def _away(server: Server, seconds: float) -> None:
    await server.stop()
    await asyncio.sleep(seconds)
    await server.start()


async def _frozen(server: Server, seconds: float) -> None:
    server.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        server.resume()
