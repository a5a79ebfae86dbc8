"""Clients that everybody has: curl, directly and through nginx with the lines of the documentation."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.object_store import ObjectServer
from tests.harness import eventually
from tests.integration.objects.transfer_rules import bytes_of
from tests.integration.services.gateway.files_client import Files, file_gateway
from tests.nginx import documented, nginx
from tests.servers import absent

DATA = bytes_of(3 << 20)


@pytest.fixture(scope="module")
async def api(objects_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Files]:
    """A gateway without a broker."""
    async with file_gateway(tmp_path_factory.mktemp("gateway"), None, objects_server) as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file of 3 MiB."""
    path = tmp_path / "photo one.jpg"
    path.write_bytes(DATA)
    return path


async def curl(api: Files, *arguments: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
    """What curl gets for a request with the key."""
    program = shutil.which("curl") or absent("curl is not on this machine")
    process = await asyncio.create_subprocess_exec(
        program,
        "--silent",
        "--show-error",
        "--fail-with-body",
        "--header",
        f"Authorization: Bearer {api.key}",
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin), 60)
    assert process.returncode == 0, (out, err)
    found: dict[str, Any] = json.loads(out)
    return found


async def assert_stored(api: Files, answer: dict[str, Any], name: str) -> None:
    """The file of an answer is there, byte for byte."""
    assert (answer["file"]["name"], answer["processing"]) == (name, True)
    (row,) = [row for row in await api.rows() if row.id == answer["file"]["id"]]
    assert await api.objects.read(row.object_key, limit=len(DATA)) == DATA


async def test_curl_uploads_a_form(api: Files, photo: Path) -> None:
    """`curl -F file=@photo.jpg`, which asks with `Expect: 100-continue` first."""
    answer = await curl(api, "-F", f"file=@{photo};type=image/jpeg", f"{api.gateway.url}/v1/files")

    await assert_stored(api, answer, "photo one.jpg")
    assert answer["file"]["contentType"] == "image/jpeg"


async def test_curl_uploads_a_body(api: Files, photo: Path) -> None:
    """`curl --data-binary @photo.jpg`."""
    answer = await curl(api, "--data-binary", f"@{photo}", f"{api.gateway.url}/v1/files?filename=b.jpg")

    await assert_stored(api, answer, "b.jpg")


async def test_curl_uploads_what_comes_in_through_a_pipe(api: Files) -> None:
    """`… | curl -T - -X POST`: nobody knows how long it is."""
    answer = await curl(api, "-T", "-", "-X", "POST", f"{api.gateway.url}/v1/files?filename=c.tar", stdin=DATA)

    await assert_stored(api, answer, "c.tar")


async def test_curl_waits_for_an_answer(api: Files) -> None:
    """A long poll from a shell."""
    made = (await api.post(DATA)).json()["file"]["id"]

    answer = await curl(api, "-H", "Prefer: wait=1", f"{api.gateway.url}/v1/files/{made}")

    assert answer["status"] == "uploaded"


async def test_nginx_with_the_documented_lines_passes_uploads_on_as_they_come(
    api: Files, photo: Path, tmp_path: Path
) -> None:
    """Nothing of a body waits in nginx: the row is there while it is still being sent; events come through."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    await api.clear()
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield DATA[:1_000_000]
        await gate.wait()
        yield DATA[1_000_000:]

    async def begun() -> bool:
        return len(await api.rows()) == 1

    location = documented("files.md").replace("http://127.0.0.1:8080", api.gateway.url)
    (port,) = free_ports(1)
    async with nginx(folder, port, location) as address:
        going = asyncio.create_task(
            api.client.post(f"{address}/v1/files?filename=slow", content=slow(), headers=api.headers())
        )
        await eventually(begun, what="the gateway has begun")
        gate.set()
        await assert_stored(api, (await going).json(), "slow")
        answer = await curl(api, "-F", f"file=@{photo}", f"{address}/v1/files")
        await assert_stored(api, answer, "photo one.jpg")
        events = f"{address}/v1/files/{answer['file']['id']}/events"
        async with api.client.stream("GET", events, headers=api.headers()) as response:
            lines = response.aiter_lines()
            assert (await asyncio.wait_for(anext(lines), 5)).startswith("id: uploaded-")
