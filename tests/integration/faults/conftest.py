"""Workers of the service `chaos` as processes on a stack of the module's own, with short waits and no chance faults."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from sqlalchemy import delete, select

from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.contract import wire
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from tests.chaos.messages import Kind, RunChaos
from tests.chaos.pace import BRISK
from tests.chaos.replica import Replica
from tests.chaos.tables import create, effects
from tests.chaos.world import chaos_topology, shorten_ack_wait
from tests.harness import Stored, eventually, stored

Start = Callable[..., Awaitable[Replica]]


@dataclass
class Site:
    """Stack, streams and tables, and the workers that a test has started."""

    stack: Stack
    connection: Connection
    database: Database
    publisher: Publisher
    workers: list[Replica] = field(default_factory=list)

    async def worker(self, *, ready: bool = True, **settings: str) -> Replica:
        """Starts one more worker; with `ready` it pulls on return."""
        name = f"worker-{len(self.workers) + 1}"
        chaos = {"CHAOS_FOLDER": str(self.stack.folder), "CHAOS_PACE": BRISK.name, "CHAOS_PROBABILITY": "0"}
        chaos["MAX_RETRIES"] = "3"
        extra = chaos | {"CHAOS_SEED": "1", "LOG_FORMAT": "json"} | settings
        replica = Replica(self.stack, name, "tests.chaos.worker", extra=extra)
        self.workers.append(replica)
        replica.start()
        if ready:
            await says(replica, "/readyz", "200")
        return replica

    async def send(self, kind: Kind, count: int = 1) -> list[str]:
        """Publishes jobs; returns their ids."""
        receipts = await asyncio.gather(*(self.publisher.publish(RunChaos(kind=kind)) for _ in range(count)))
        return [receipt.job_id for receipt in receipts]

    async def effects(self) -> dict[str, list[int]]:
        """The attempts in which each job had its effect, by job id."""
        found: dict[str, list[int]] = {}
        async with self.database.read() as connection:
            for job_id, attempt in await connection.execute(select(effects.c.job_id, effects.c.attempt)):
                found.setdefault(job_id, []).append(attempt)
        return found

    async def dead_letters(self) -> list[Stored]:
        """All of them."""
        return await stored(self.connection, "CHAOS_DLQ")

    async def until_empty(self, timeout_seconds: float = 60) -> None:
        """Waits until no job waits or is in hand."""

        async def nothing() -> bool:
            streams = [await manage(self.connection, f"STREAM.INFO.{name}") for name in ("CHAOS", "CHAOS_LATER")]
            return not any(stream["state"]["messages"] for stream in streams)

        await eventually(nothing, what="the queues are empty", timeout_seconds=timeout_seconds)


async def says(replica: Replica, path: str, *words: str, timeout_seconds: float = 30) -> str:
    """Waits until a worker's answer has all these words in it; returns the answer."""

    async def answer() -> str:
        text = await replica.answer(path)
        return text if all(word in text for word in words) else ""

    found: str = await eventually(answer, what=f"{path} says {words}", timeout_seconds=timeout_seconds)
    return found


def reasons(letters: list[Stored]) -> dict[str, str]:
    """Why each dead job is dead."""
    return {letter.headers[wire.JOB_ID]: letter.headers[wire.DEAD_REASON] for letter in letters}


@pytest.fixture(scope="module")
async def ground(stack: Stack) -> AsyncIterator[Site]:
    """The stack with streams and tables."""
    await stack.provision()
    async with AsyncExitStack() as closing:
        connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
        closing.push_async_callback(connection.close)
        await provision_broker(connection, chaos_topology())
        await shorten_ack_wait(connection, "chaos", BRISK.ack_wait_seconds)
        database = open_database(stack.environment()["DATABASE_URL"])
        closing.push_async_callback(database.close)
        async with database.write() as writing:
            await create(writing)
        yield Site(stack, connection, database, Publisher(connection))


@pytest.fixture
async def site(ground: Site) -> AsyncIterator[Site]:
    """The same with nothing in it, and its workers gone afterwards."""
    yield ground
    await asyncio.gather(*(worker.destroy() for worker in ground.workers))
    ground.workers.clear()
    for stream in ("CHAOS", "CHAOS_LATER", "CHAOS_DLQ"):
        await manage(ground.connection, f"STREAM.PURGE.{stream}")
    async with ground.database.write() as writing:
        await writing.execute(delete(effects))
        await writing.execute(delete(processed_messages))
