"""The gateway as a process: how it starts, and how it ends without dropping anybody."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from nightshift.database import migrate, open_database
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from tests.harness import eventually
from tests.integration.gateway.harness import AWAY, new_key
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")


@asynccontextmanager
async def process(folder: Path, **settings: str) -> AsyncIterator[tuple[Process, int, int]]:
    """A gateway without broker and object store; its own port and that of its health."""
    port, health = free_ports(2)
    environment = {
        "NATS_URL": "nats://127.0.0.1:9",
        "DATABASE_URL": f"sqlite:///{folder / 'nightshift.db'}",
        "S3_ENDPOINT": AWAY,
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "GATEWAY_PORT": str(port),
        "GATEWAY_JOBS": "email.send",
        "HEALTH_PORT": str(health),
        **{name.upper(): value for name, value in settings.items()},
    }
    command = [sys.executable, "-c", "import sys; from services.gateway.service import main; sys.exit(main())"]
    running = Process(
        "gateway", command, log=folder / "gateway.log", cwd=ROOT, environment=clean_environment() | environment
    )
    try:
        yield running, port, health
    finally:
        await running.kill()


async def status(port: int, path: str) -> int:
    """The status of a GET; 0 while nothing listens."""
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://{LOOPBACK}:{port}{path}")).status_code
    return 0


async def _is(port: int, path: str, wanted: int) -> bool:
    return await status(port, path) == wanted


async def test_it_is_ready_while_it_can_store_what_comes_in(tmp_path: Path) -> None:
    """Without a broker the outbox takes it; requests in hand are finished when it is told to stop."""
    await migrate(f"sqlite:///{tmp_path / 'nightshift.db'}")
    database = open_database(f"sqlite:///{tmp_path / 'nightshift.db'}")
    key = await new_key(database, "jobs:write")
    await database.close()
    async with process(tmp_path) as (running, port, health):
        await eventually(lambda: _is(health, "/readyz", 200), what="it is ready", timeout_seconds=60)
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        body = json.dumps({"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}).encode()
        head = f"POST /v1/jobs/email.send HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{key}"
        writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        await writer.drain()
        await eventually(lambda: _is(port, "/openapi.json", 200), what="it answers others meanwhile")
        running.signal(signal.SIGTERM)
        await eventually(lambda: _is(port, "/openapi.json", 0), what="it takes no new connections")
        writer.write(body[10:])
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert b"connection: close\r\n" in answer
        writer.close()
        assert await running.wait(timeout_seconds=30) == 0
        lines = [json.loads(line) for line in running.output().splitlines()]
        requests = [line for line in lines if line["event"] == "request" and line["method"] == "POST"]
        assert [(line["route"], line["status"], line["bytes_in"]) for line in requests] == [
            ("/v1/jobs/{type}", 202, len(body))
        ]
        assert not [line for line in lines if line["level"] == "error"], running.output()


async def test_a_request_that_does_not_end_is_given_up_after_a_while(tmp_path: Path) -> None:
    """Exit code 0 all the same."""
    await migrate(f"sqlite:///{tmp_path / 'nightshift.db'}")
    database = open_database(f"sqlite:///{tmp_path / 'nightshift.db'}")
    key = await new_key(database, "jobs:write")
    await database.close()
    async with process(tmp_path, gateway_drain_seconds="1") as (running, port, health):
        await eventually(lambda: _is(health, "/healthz", 200), what="it is alive", timeout_seconds=60)
        await eventually(lambda: _is(port, "/openapi.json", 200), what="it answers")
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        head = f"POST /v1/jobs/email.send HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{key}"
        writer.write(head.encode() + b"Content-Length: 100\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0)
        running.signal(signal.SIGTERM)
        answer = await reader.read()
        assert (b" 503 " in answer.partition(b"\r\n")[0], b'"code":"draining"' in answer) == (True, True), answer
        writer.close()
        assert await running.wait(timeout_seconds=30) == 0
        assert "Traceback" not in running.output()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_on_every_address_it_answers_both_protocols(tmp_path: Path) -> None:
    """`::` is for IPv4 as well, as it is for other servers."""
    async with process(tmp_path, gateway_host="::") as (_, port, _):
        await eventually(lambda: _is(port, "/openapi.json", 200), what="it answers IPv4", timeout_seconds=60)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://[::1]:{port}/openapi.json")).status_code == 200


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """With the setting that chooses another."""
    server = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    async with server:
        taken = str(server.sockets[0].getsockname()[1])
        async with process(tmp_path, gateway_port=taken) as (running, _, _):
            assert await running.wait(timeout_seconds=60) == 2
            assert f"GATEWAY_PORT: port {taken} on 127.0.0.1 is taken" in running.output()
