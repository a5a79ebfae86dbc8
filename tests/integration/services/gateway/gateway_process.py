"""A gateway as a process of its own, with a user and a key."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import insert

from nightshift.database import migrate, open_database
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.s3 import open_objects
from schema.tables import users
from tests.harness import eventually
from tests.integration.services.gateway.files_client import ADA, make_api_key

PLAIN = ("-c", "import sys; from services.gateway.service import main; sys.exit(main())")
_START_SECONDS = 60.0


@dataclass
class GatewayProcess:
    """A gateway that is ready, and a key of the user `ada`."""

    address: str
    key: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def gateway_process(
    folder: Path, broker: Broker, objects: ObjectServer, *command: str, **settings: str
) -> AsyncIterator[GatewayProcess]:
    """Run Python with the arguments `command` (PLAIN: the gateway itself) and settings; killed at the end."""
    url = f"sqlite+aiosqlite:///{folder / 'nightshift.db'}"
    key = await _prepare(url, objects)
    port, health = free_ports(2)
    environment = {
        "NATS_URL": broker.url,
        "DATABASE_URL": url,
        "S3_ENDPOINT": objects.endpoint,
        "S3_ACCESS_KEY": objects.access_key,
        "S3_SECRET_KEY": objects.secret_key,
        "GATEWAY_PORT": str(port),
        "HEALTH_PORT": str(health),
        "LOG_LEVEL": "warning",
        "PYTHONPATH": ".:shared",
        **{name.upper(): value for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=clean_environment() | environment)
    try:
        ready = f"http://{LOOPBACK}:{health}/readyz"
        await eventually(lambda: _is_ready(ready), what="the gateway is ready", timeout_seconds=_START_SECONDS)
        yield GatewayProcess(f"http://{LOOPBACK}:{port}", key, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _prepare(url: str, objects: ObjectServer) -> str:
    await migrate(url)
    database = open_database(url)
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": ADA, "email": "ada@example.com"})
    key = await make_api_key(database, user=ADA)
    await database.close()
    store = open_objects(objects.endpoint, objects.access_key, objects.secret_key, "nightshift")
    await store.ensure_bucket()
    await store.close()
    return key


async def _is_ready(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False
