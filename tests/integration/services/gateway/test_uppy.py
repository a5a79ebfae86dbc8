"""Uppy, as a page of another origin uses it: by a form, and in parts that go past the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.s3_transfers import open_transfers
from tests.integration.services.gateway.files_client import Files, file_gateway
from tests.node.installed import installed

ORIGIN = "https://app.example.com"
SIZE = (8 << 20) + 1000
"""Two parts."""


@pytest.fixture(scope="module")
def node() -> Path:
    """The folder of the programs; skips, or fails in CI, where there is no Node."""
    return installed()


@pytest.fixture(scope="module")
async def api(objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Files]:
    """A gateway without a broker; pages of one origin may use it, and its bucket."""
    folder = tmp_path_factory.mktemp("gateway")
    async with file_gateway(folder, None, objects_server, gateway_cors_origins=ORIGIN) as opened:
        server, bucket = objects_server, opened.gateway.settings.s3_bucket
        transfers = open_transfers(server.endpoint, server.access_key, server.secret_key, bucket)
        await transfers.allow_origins([ORIGIN])
        await transfers.close()
        yield opened


async def uppy(node: Path, api: Files, way: str, origin: str = ORIGIN) -> tuple[int, str]:
    """Let Uppy upload; return its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *("node", "uppy.mjs", api.gateway.url, api.key, origin, way, str(SIZE)),
        cwd=node,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.parametrize("way", ["form", "parts"])
async def test_uppy_uploads_a_file(node: Path, api: Files, way: str) -> None:
    """With progress to its end; every byte arrives, under the name that the user's file has."""
    code, said = await uppy(node, api, way)
    assert code == 0, said
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    (row,) = [row for row in await api.rows() if row.id == told["file"]["id"]]
    assert told["percent"] == 100
    assert (row.original_name, row.content_type, row.status, row.size) == ("film ü.mp4", "video/mp4", "uploaded", SIZE)
    assert await api.objects.read(row.object_key, limit=SIZE) == b"\x07" * SIZE


async def test_a_page_of_another_origin_cannot(node: Path, api: Files) -> None:
    """The bucket does not let it: the browser stops it."""
    code, said = await uppy(node, api, "parts", "https://evil.example.com")
    assert (code, "rror" in said) == (1, True), said
