"""Clients that everybody has: curl, directly and through nginx with the lines of the documentation."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.object_store import ObjectServer
from tests.harness import eventually
from tests.integration.objects.transfer_rules import bytes_of
from tests.integration.services.gateway.files_client import Files, file_gateway
from tests.repository import ROOT
from tests.servers import absent, listens

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


@asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[str]:
    """Debian's nginx with the documentation's lines in front of the gateway; yields its address."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or absent("nginx is not on this machine")
    (port,) = free_ports(1)
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    location = lines.replace("http://127.0.0.1:8080", upstream)
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\nserver {{ listen {LOOPBACK}:{port};\n{location} }} }}\n"
    )
    process = await asyncio.create_subprocess_exec(program, "-p", folder, "-c", config)
    try:
        await eventually(lambda: listens(port), what="nginx listens")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.terminate()
        await process.wait()


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

    async with nginx(folder, api.gateway.url) as address:
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
