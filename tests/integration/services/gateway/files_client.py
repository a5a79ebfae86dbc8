"""A client of the gateway's files: users, keys, and requests with them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Table, delete, insert, select

from nightshift.database import Database
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.key_text import make_key
from nightshift.gateway.auth.principal import Limits
from nightshift.objects.s3 import S3ObjectStore, open_objects
from schema.tables import files, idempotency_keys, uploads, users
from services.gateway.keys import KEYS
from tests.integration.gateway.harness import Gateway, gateway

ADA, BOB = "ada", "bob"
SCOPES = ("files:read", "files:write")


async def make_api_key(
    database: Database, *, user: str | None, scopes: Sequence[str] = SCOPES, limits: Limits | None = None
) -> str:
    """Make an API key; return its text."""
    key = make_key("test")
    await KEYS.add(
        database,
        key,
        name="test",
        environment="test",
        user_id=user,
        scopes=scopes,
        limits=limits or Limits(),
        expires_at=None,
    )
    return key.text


@dataclass
class Files:
    """A running gateway with the users `ada` and `bob`; `key` is what its requests come with."""

    gateway: Gateway
    objects: S3ObjectStore
    key: str

    @property
    def client(self) -> httpx.AsyncClient:
        """The client, whose requests need `headers()`."""
        return self.gateway.client

    def headers(self, **more: str) -> dict[str, str]:
        """The key, and further headers: `content_type` is `Content-Type`."""
        return {
            "Authorization": f"Bearer {self.key}",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    async def as_key(self, user: str | None, *scopes: str, limits: Limits | None = None) -> "Files":
        """The same with another key."""
        key = await make_api_key(self.gateway.database, user=user, scopes=scopes or SCOPES, limits=limits)
        return replace(self, key=key)

    async def post(self, content: Any, path: str = "/v1/files?filename=a.bin", **headers: str) -> httpx.Response:
        """Upload a raw body; bytes have a length, an async iterator has none."""
        return await self.client.post(path, content=content, headers=self.headers(**headers))

    async def form(self, data: bytes, name: str = "a.bin", fields: dict[str, str] | None = None) -> httpx.Response:
        """Upload as a form does."""
        parts = {"file": (name, data, "application/octet-stream")}
        return await self.client.post("/v1/files", data=fields, files=parts, headers=self.headers())

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something."""
        return await self.client.get(path, headers=self.headers(**headers))

    async def rows(self, table: Table = files) -> list[Any]:
        """All rows of a table."""
        async with self.gateway.database.read() as connection:
            return list((await connection.execute(select(table))).all())

    async def row(self) -> Any:
        """The only file's row."""
        (row,) = await self.rows()
        return row

    async def keys(self) -> list[str]:
        """The keys of all objects of uploads."""
        return [entry.key async for entry in self.objects.list("uploads/")]

    async def clear(self) -> None:
        """Delete every file, its object and its key."""
        for key in await self.keys():
            await self.objects.delete(key)
        async with self.gateway.database.write() as connection:
            for table in (idempotency_keys, uploads, files, outbox):
                await connection.execute(delete(table))

    async def outbox(self) -> list[str]:
        """The ids of what waits to be published."""
        return [row.id for row in await self.rows(outbox)]


@asynccontextmanager
async def file_gateway(
    folder: Path, broker: Broker | None, objects: ObjectServer, *, fresh: bool = True, **settings: str
) -> AsyncIterator[Files]:
    """Run a gateway whose bucket is this test's own; the key is `ada`'s."""
    async with gateway(folder, broker=broker, objects=objects, fresh=fresh, **settings) as running:
        database = running.database
        if fresh:
            async with database.write() as connection:
                await connection.execute(
                    insert(users), [{"id": user, "email": f"{user}@example.com"} for user in (ADA, BOB)]
                )
        store = open_objects(objects.endpoint, objects.access_key, objects.secret_key, running.settings.s3_bucket)
        api = Files(running, store, await make_api_key(database, user=ADA))
        if fresh:
            await api.clear()
        yield api
        await store.close()
