"""A hundred uploads at once fit into a gateway of bounded memory, whatever their size."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from nightshift.broker import Connection
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from tests.integration.services.gateway.gateway_process import PLAIN, gateway_process

CONNECTIONS, BYTES, SECONDS = 100, 4_000_000, 4.0
MOST_BYTES = 200 * 1_000_000
PIECE = bytes(64 << 10)


async def paced() -> AsyncIterator[bytes]:
    """A body at 1 MB/s, as from a client on a common line; slower where the gateway is."""
    began, sent = time.monotonic(), 0
    while sent < BYTES:
        piece = PIECE[: BYTES - sent]
        yield piece
        sent += len(piece)
        ahead = sent / (BYTES / SECONDS) - (time.monotonic() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)


def peak_of(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
async def test_a_hundred_uploads_at_once_take_little_memory(
    operator: Connection, broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """Nothing of them is kept: 100 times 4 MB at once stay under 200 MB, with the whole of Python in it."""
    del operator
    slots = {"gateway_uploads_per_key": str(CONNECTIONS)}
    async with (
        gateway_process(tmp_path, broker, objects_server, *PLAIN, **slots) as running,
        httpx.AsyncClient(base_url=running.address, timeout=120, limits=httpx.Limits(max_connections=None)) as client,
    ):
        headers = {"Authorization": f"Bearer {running.key}", "Content-Length": str(BYTES)}
        uploads = [client.post("/v1/files", content=paced(), headers=headers) for _ in range(CONNECTIONS)]
        answers = await asyncio.gather(*uploads)
        peak = peak_of(running.process.pid)

    assert {answer.status_code for answer in answers} == {202}
    assert peak < MOST_BYTES, f"{peak / 1e6:.0f} MB"
