"""Faults that strike one of three brokers: the others hold an election and go on."""

import asyncio
import random

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Unavailable
from tests.chaos.cluster import ClusterStack
from tests.chaos.world import World

_STREAMS = ("CHAOS", "CHAOS_LATER", "CHAOS_DLQ", "CRON", "EMAIL")


async def leader_killed(world: World, dice: random.Random) -> None:
    """The leader of a stream is killed with -9 and comes back later; the next one follows when it has caught up."""
    node = await _leader(world, dice)
    await node.kill()
    await asyncio.sleep(dice.uniform(1, 4))
    await node.start()
    await _caught_up(world)


async def node_restarted(world: World, dice: random.Random) -> None:
    """A node is restarted in good order, as for an update."""
    await dice.choice(_cluster(world).cluster.nodes).restart()
    await _caught_up(world)


async def leader_frozen(world: World, dice: random.Random) -> None:
    """The leader of a stream stands still for long enough that another is elected, and then goes on."""
    node = await _leader(world, dice)
    node.pause()
    try:
        await asyncio.sleep(dice.uniform(5, 8))
    finally:
        node.resume()
    await _caught_up(world)


async def leader_steps_down(world: World, dice: random.Random) -> None:
    """The leader of a stream gives up its office; nobody dies."""
    try:
        await manage(world.connection, f"STREAM.LEADER.STEPDOWN.{dice.choice(_STREAMS)}")
    except (BrokerRefusedError, Unavailable):  # there is an election already
        return


def _cluster(world: World) -> ClusterStack:
    if not isinstance(world.stack, ClusterStack):
        raise TypeError("these faults need a cluster")
    return world.stack


async def _leader(world: World, dice: random.Random) -> Broker:
    stream = dice.choice(_STREAMS)
    while True:
        try:
            info = await manage(world.connection, f"STREAM.INFO.{stream}")
        except (BrokerRefusedError, Unavailable):
            await asyncio.sleep(0.3)
            continue
        node = _cluster(world).cluster.node(str(info.get("cluster", {}).get("leader", "")))
        if node is not None:
            return node
        await asyncio.sleep(0.3)


async def _caught_up(world: World) -> None:
    """Waits until every stream has a leader and all its replicas: killing a second one would be another promise."""
    while True:
        try:
            infos = [await manage(world.connection, f"STREAM.INFO.{stream}") for stream in _STREAMS]
        except (BrokerRefusedError, Unavailable):
            infos = []
        clusters = [info.get("cluster", {}) for info in infos]
        if clusters and all(
            cluster.get("leader") and all(replica.get("current") for replica in cluster.get("replicas", []))
            for cluster in clusters
        ):
            return
        await asyncio.sleep(0.3)
