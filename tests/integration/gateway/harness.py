"""The gateway on this event loop, with the real broker, database and object store behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from nightshift.broker import Connection
from nightshift.config.settings import load
from nightshift.contract.catalogue import load_catalogue
from nightshift.database import Database, migrate, open_database
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.admission import admission
from nightshift.gateway.auth.api_keys import ApiKeys
from nightshift.gateway.auth.key_text import make_key
from nightshift.gateway.auth.principal import Limits
from nightshift.gateway.context import GatewayContext
from nightshift.messaging.job_watch import JobWatch
from nightshift.objects.s3 import open_objects
from services.gateway.keys import KEYS
from services.gateway.service import serve
from services.gateway.settings import FileGatewaySettings
from tests.harness import eventually
from tests.servers import listens

AWAY = "http://127.0.0.1:9"
"""Where nothing listens."""


@dataclass
class Gateway:
    """A running gateway, as its clients and its operator see it."""

    url: str
    port: int
    settings: FileGatewaySettings
    client: httpx.AsyncClient
    """Without credentials; `headers={"Authorization": f"Bearer {key}"}` adds some."""
    database: Database
    stop: asyncio.Event
    running: "asyncio.Task[int]"

    async def key(self, *scopes: str, user: str | None = None, **limits: float) -> dict[str, str]:
        """Return the headers of a new key."""
        name, _, value = (await new_key(self.database, *scopes, user=user, **limits)).strip().partition(": ")
        return {name: value}


async def new_key(database: Database, *scopes: str, user: str | None = None, **limits: float) -> str:
    """Make a key; return it as a line of a request's head."""
    made = make_key("test")
    await KEYS.add(
        database,
        made,
        name="test",
        environment="test",
        user_id=user,
        scopes=scopes,
        limits=msgspec.convert(limits, Limits),
        expires_at=None,
    )
    return f"Authorization: Bearer {made.text}\r\n"


@asynccontextmanager
async def gateway(
    folder: Path,
    *,
    broker: Broker | None = None,
    objects: ObjectServer | None = None,
    fresh: bool = True,
    **settings: str,
) -> AsyncIterator[Gateway]:
    """Run a gateway, with an SQLite database in `folder` unless a setting names another; what is not given is away.

    `settings` are environment variables in lower case. `fresh=False` finds the database migrated.
    """
    url = settings.pop("database_url", f"sqlite+aiosqlite:///{folder / 'nightshift.db'}")
    if fresh:
        await migrate(url)
    port, health_port = free_ports(2)
    store = (objects.endpoint, objects.access_key, objects.secret_key) if objects else (AWAY, "nobody", "nothing")
    environment = {
        "NATS_URL": broker.url if broker else "nats://127.0.0.1:9",
        "DATABASE_URL": url,
        "S3_ENDPOINT": store[0],
        "S3_ACCESS_KEY": store[1],
        "S3_SECRET_KEY": store[2],
        "HEALTH_PORT": str(health_port),
        "GATEWAY_PORT": str(port),
        "GATEWAY_JOBS": "email.send,report.generate",
        **{name.upper(): value for name, value in settings.items()},
    }
    if objects:
        await _make_bucket(*store)
    loaded = load(FileGatewaySettings, environment)
    stop = asyncio.Event()
    running = asyncio.create_task(serve(loaded, stop))
    database = open_database(url)
    base = f"http://{LOOPBACK}:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client:
        try:
            await eventually(lambda: _listens(port, running), what="the gateway listens")
            yield Gateway(base, port, loaded, client, database, stop, running)
        finally:
            stop.set()
            await running
            await database.close()


async def _listens(port: int, running: "asyncio.Task[int]") -> bool:
    if running.done():
        running.result()
    return await listens(port)


async def _make_bucket(endpoint: str, access_key: str, secret_key: str) -> None:
    store = open_objects(endpoint, access_key, secret_key, "nightshift")
    await store.ensure_bucket()
    await store.close()


async def raw(port: int, *pieces: bytes, seconds: float = 10.0, half_close: bool = False) -> bytes:
    """Send bytes as they are; return everything that is answered until the server closes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if half_close:
            writer.write_eof()
        async with asyncio.timeout(seconds):
            return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def serving_bytes(content: bytes, kind: str = "application/octet-stream") -> AsyncIterator[str]:
    """A web server that answers everything with the same bytes; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    async with server:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"


def unconnected(folder: Path, settings: FileGatewaySettings) -> GatewayContext:
    """What the routes are built from, without anything behind it."""
    nobody: Any = None
    database = open_database(f"sqlite+aiosqlite:///{folder / 'none.db'}")
    return GatewayContext(
        settings=settings,
        catalogue=load_catalogue(),
        connection=nobody,
        database=database,
        objects=nobody,
        admission=admission(settings, ApiKeys(database, KEYS.table)),
        watch=JobWatch(Connection(), set()),
        intake=nobody,
        webhooks=nobody,
    )
