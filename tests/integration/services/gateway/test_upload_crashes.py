"""The gateway is killed at each step of an upload: nothing that was answered for is lost, nothing is there twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from contracts.maintenance import CleanFiles
from nightshift.broker import Connection
from nightshift.database import Database
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3_transfers import open_transfers
from schema.tables import idempotency_keys
from tests.harness import stored
from tests.integration.objects.transfer_rules import bytes_of, stream
from tests.integration.services.gateway.files_client import ADA, Files, file_gateway
from tests.integration.services.gateway.gateway_process import gateway_process
from tests.integration.services.gateway.killed_gateway import STEPS
from tests.integration.services.maintenance.harness import CleanupHarness

DATA = bytes_of(9 << 20)
KILLED = -9


@asynccontextmanager
async def doomed(folder: Path, broker: Broker, objects: ObjectServer, step: str) -> AsyncIterator[tuple[str, str]]:
    """Run a gateway that will be killed at a step; yield its address and ada's key, and find out that it was."""
    command = ("-m", "tests.integration.services.gateway.killed_gateway", step)
    async with gateway_process(folder, broker, objects, *command) as running:
        yield running.address, running.key
        assert await asyncio.wait_for(running.process.wait(), 60) == KILLED


async def upload(client: httpx.AsyncClient, key: str, *, chunked: bool) -> httpx.Response:
    """Upload the file with the key that makes it safe to repeat."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one-file"}
    content = stream(DATA) if chunked else DATA
    return await client.post("/v1/files?filename=a.bin", content=content, headers=headers)


async def half_a_minute_later(database: Database) -> None:
    """Make the key of a dead upload as old as it is then."""
    async with database.write() as connection:
        aged = datetime.now(UTC) - timedelta(seconds=31)
        await connection.execute(update(idempotency_keys).values(alive_at=aged))


@pytest.mark.parametrize("step", STEPS)
async def test_a_killed_gateway_loses_nothing_and_leaves_nothing(
    operator: Connection, broker: Broker, objects_server: ObjectServer, tmp_path: Path, step: str
) -> None:
    """The client repeats its request with its key: one file, one job; after the cleanup no object without a row."""
    chunked = step == "half"  # in parts, which nobody completes
    async with (
        doomed(tmp_path, broker, objects_server, step) as (address, key),
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        with pytest.raises(httpx.TransportError):
            await upload(client, key, chunked=chunked)

    async with file_gateway(tmp_path, broker, objects_server, fresh=False) as api:
        await half_a_minute_later(api.gateway.database)
        response = await upload(api.client, key, chunked=chunked)

        assert response.status_code == 202, response.text
        made = response.json()["file"]["id"]
        assert [(row.id, row.status) for row in await api.rows() if row.user_id] == [(made, "uploaded")]
        await relay(api, operator)
        assert await jobs_of(operator, api) == [made]
        await clean(api, objects_server)
        assert await api.keys() == [f"uploads/{ADA}/{made}"]
        assert await api.objects.read(f"uploads/{ADA}/{made}", limit=len(DATA)) == DATA


async def relay(api: Files, operator: Connection) -> None:
    """Publish what is in the outbox, as the upload service does with rows that are a minute old."""
    outbox = Outbox("upload", api.gateway.database, Publisher(operator))
    await outbox.relay(datetime.now(UTC) + timedelta(minutes=2))
    assert await api.outbox() == []


async def jobs_of(operator: Connection, api: Files) -> list[str]:
    """The files for which the broker has jobs, of those that this database knows."""
    known = {row.id for row in await api.rows()}
    found = [json.loads(job.body)["fileId"] for job in await stored(operator, "UPLOAD")]
    return [file_id for file_id in found if file_id in known]


async def clean(api: Files, server: ObjectServer) -> None:
    """Run the cleanup of files, as if eight days had passed; nothing unfinished is left at the store."""
    transfers = open_transfers(server.endpoint, server.access_key, server.secret_key, "nightshift")
    await CleanupHarness(api.gateway.database, api.objects, transfers).clean(CleanFiles())
    assert [upload.key async for upload in transfers.unfinished("uploads/")] == []
    await transfers.close()
