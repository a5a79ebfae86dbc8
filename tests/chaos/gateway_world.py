"""Two gateways with all that is behind them, each part of which is killed again and again and comes back."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import func, insert, select

from contracts.maintenance import CleanFiles
from contracts.upload import ProcessUpload
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import outbox
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.stack import BUCKET, Stack
from nightshift.objects import ObjectMissingError
from nightshift.objects.s3 import S3ObjectStore, open_objects
from nightshift.objects.s3_transfers import S3Transfers, open_transfers
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import topology
from schema.tables import files, idempotency_keys, uploads, users
from tests.chaos.aftermath import asked
from tests.chaos.gateway_callers import Callers
from tests.chaos.gateway_ledger import Facts, FoundFile
from tests.chaos.messages import EVENT_CONSUMERS, TYPES
from tests.chaos.pace import GATEWAY
from tests.chaos.replica import Replica
from tests.chaos.tables import create, effects
from tests.chaos.world import all_of, shorten_ack_wait
from tests.harness import eventually
from tests.integration.services.gateway.files_client import ADA, make_api_key
from tests.integration.services.maintenance.harness import CleanupHarness
from tests.postgres_server import PostgresServer

GATEWAYS = 2
PARTS = ("gateway", "broker", "objects", "database")
_QUEUES = ("CHAOS", "CHAOS_LATER", "UPLOAD", "UPLOAD_LATER")
_CALM_SECONDS, _LONGEST_AWAY = (1.0, 5.0), 1.2
"""Between two kills of one part, and how long it stays away; gateways are started again at once."""
_Act = Callable[[], Awaitable[None]]


@dataclass
class GatewayWorld:
    """What the clients, the faults and the judge need."""

    stack: Stack
    postgres: PostgresServer
    connection: Connection
    database: Database
    objects: S3ObjectStore
    transfers: S3Transfers
    gateways: list[Replica]
    workers: list[Replica]
    callers: Callers
    killed: Counter[str] = field(default_factory=Counter)

    async def strike(self, seed: str, enough: asyncio.Event) -> None:
        """Kill each part again and again until it is enough, at times of its own; afterwards everything is back."""
        broker, objects, database = self.stack.broker, self.stack.objects, self.postgres
        parts: dict[str, tuple[_Act, _Act]] = {
            "gateway": (self._kill_gateway, _nothing),
            "broker": (broker.kill, broker.start),
            "objects": (objects.kill, objects.start),
            "database": (database.kill, database.start_again),
        }
        await asyncio.gather(
            *(
                self._kill_often(name, random.Random(f"{seed}/{name}"), enough, *acts)  # noqa: S311
                for name, acts in parts.items()
            )
        )

    async def _kill_often(self, name: str, dice: random.Random, enough: asyncio.Event, kill: _Act, start: _Act) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(dice.uniform(*_CALM_SECONDS)):
                    await enough.wait()
                    return
            await kill()
            self.killed[name] += 1
            await asyncio.sleep(dice.uniform(0, _LONGEST_AWAY))
            await start()

    async def _kill_gateway(self) -> None:
        await self.gateways[self.killed["gateway"] % GATEWAYS].kill()

    async def quiet(self, *, stuck_seconds: float) -> dict[str, int]:
        """Wait until all is worked off; return what is left all the same when it did not get less for so long."""
        least, deadline = 1 << 30, time.monotonic() + stuck_seconds
        while True:
            left = await asked(self._left)
            count = sum(left.values())
            if count < least:
                least, deadline = count, time.monotonic() + stuck_seconds
            if not count or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.3)

    async def _left(self) -> dict[str, int]:
        left = {}
        for stream in _QUEUES:
            left[stream] = int((await manage(self.connection, f"STREAM.INFO.{stream}"))["state"]["messages"])
        waiting = select(func.count()).select_from(files).where(files.c.status == "uploaded")
        async with self.database.read() as reading:
            left["outbox"] = int((await reading.execute(select(func.count()).select_from(outbox))).scalar_one())
            left["files to process"] = int((await reading.execute(waiting)).scalar_one())
        return left

    async def clean(self) -> None:
        """Run the cleanup of files, eight days later."""
        harness = CleanupHarness(self.database, self.objects, self.transfers)
        await harness.clean_all(CleanFiles(), "after-chaos")

    async def facts(self) -> Facts:
        """Return what is there after the cleanup."""
        facts = Facts()
        async with self.database.read() as reading:
            facts.effects = Counter((await reading.execute(select(effects.c.job_id))).scalars())
            rows = (await reading.execute(select(files))).all()
            for table in (uploads, idempotency_keys):
                query = select(func.count()).select_from(table)
                facts.left[f"the table {table.name}"] = int((await reading.execute(query)).scalar_one())
        facts.left["files without an owner"] = sum(row.user_id is None for row in rows)
        facts.files = [await self._found(row) for row in rows if row.user_id is not None]
        used = {row.object_key for row in rows}
        facts.loose = [entry.key async for entry in self.objects.list("uploads/") if entry.key not in used]
        facts.loose += [f"a part of {upload.key}" async for upload in self.transfers.unfinished("uploads/")]
        return facts

    async def _found(self, row: Any) -> FoundFile:
        try:
            data = await self.objects.read(row.object_key, limit=16 << 20)
        except ObjectMissingError:
            return FoundFile(row.id, row.original_name, row.status, None)
        return FoundFile(row.id, row.original_name, row.status, hashlib.sha256(data).hexdigest())


@asynccontextmanager
async def gateway_world(stack: Stack, postgres: PostgresServer, seed: str) -> AsyncIterator[GatewayWorld]:
    """Everything runs and is provisioned; at the end all of it has ended."""
    async with AsyncExitStack() as closing:
        await stack.start()
        closing.push_async_callback(stack.kill)
        connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="chaos")
        closing.push_async_callback(connection.close)
        server = stack.objects
        objects = open_objects(server.endpoint, server.access_key, server.secret_key, BUCKET)
        closing.push_async_callback(objects.close)
        transfers = open_transfers(server.endpoint, server.access_key, server.secret_key, BUCKET)
        closing.push_async_callback(transfers.close)
        url = postgres.url_by(LOOPBACK)
        await asyncio.gather(objects.ensure_bucket(), migrate(url), _provision(connection))
        database = open_database(url)
        closing.push_async_callback(database.close)
        key = await _prepare(database)
        ports = free_ports(GATEWAYS)
        callers = Callers([f"http://{LOOPBACK}:{port}" for port in ports], key, ADA, seed)
        closing.push_async_callback(callers.close)
        gateways, workers = _replicas(stack, url, ports)
        for replica in (*gateways, *workers):
            closing.push_async_callback(replica.destroy)
            replica.start()
        for replica in gateways:
            await eventually(partial(_is_ready, replica), what="a gateway is ready", timeout_seconds=60)
        yield GatewayWorld(stack, postgres, connection, database, objects, transfers, gateways, workers, callers)
        await all_of([replica.stop() for replica in (*gateways, *workers)])


async def _is_ready(replica: Replica) -> bool:
    return " 200 " in (await replica.answer("/readyz")).partition("\n")[0]


async def _nothing() -> None:
    """A gateway is started again as soon as it has ended."""


async def _provision(connection: Connection) -> None:
    await provision_broker(connection, topology([*TYPES, ProcessUpload.TYPE], EVENT_CONSUMERS))
    for service in ("chaos", "upload"):
        await shorten_ack_wait(connection, service, GATEWAY.ack_wait_seconds)


async def _prepare(database: Database) -> str:
    async with database.write() as writing:
        await create(writing)
        await writing.execute(insert(users).values(id=ADA, email="ada@example.com"))
    return await make_api_key(database, user=None, scopes=("jobs:write", "files:write", "files:read"))


def _replicas(stack: Stack, url: str, ports: Sequence[int]) -> tuple[list[Replica], list[Replica]]:
    common = {"DATABASE_URL": url, "CHAOS_PACE": GATEWAY.name, "LOG_FORMAT": "text"}
    contracts = {"CONTRACTS_PACKAGE": "tests.chaos.messages", "GATEWAY_JOBS": "chaos.run"}
    gateways = [
        Replica(
            stack,
            f"gateway-{port}",
            "tests.chaos.paced",
            "services.gateway",
            extra=common | contracts | {"GATEWAY_PORT": str(port)},
        )
        for port in ports
    ]
    chaos = {"CHAOS_FOLDER": str(stack.folder), "CHAOS_SEED": "0", "CHAOS_PROBABILITY": "0"}
    limits = {"SLOTS": "20", "DRAIN_GRACE_SECONDS": "5"}
    workers = [
        Replica(stack, "worker", "tests.chaos.worker", extra=common | chaos | limits),
        Replica(stack, "uploader", "tests.chaos.uploader", extra=common),
    ]
    return gateways, workers
