"""Megabytes per second of uploads, beside a bare route of the same server in one run: `python -m bench.uploads`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import insert

from bench.report import write_figures
from nightshift.database import open_database
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.gateway.auth.key_text import make_key
from nightshift.gateway.auth.principal import Limits
from nightshift.objects.s3_transfers import open_transfers
from schema.tables import users
from services.gateway.keys import KEYS

MEGABYTE = 1_000_000
STREAMS = 20
USER = "bench"
_PIECE = bytes(256 << 10)


@dataclass(frozen=True)
class Target:
    """Where bodies are sent; without a port, to the object store itself."""

    title: str
    port: int | None
    path: str = ""
    chunked: bool = False


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Stack, int, str]]:
    """The stack with the gateway and, beside it, the bare route; yields it, the latter's port, and a key."""
    stack = Stack(folder)
    await stack.start()
    (bare,) = free_ports(1)
    extra = {"GATEWAY_UPLOADS_PER_KEY": "100", "MAX_FILE_BYTES": str(1 << 40)}
    gateway = Service(stack, "gateway", extra=extra)
    reference = stack.process("bench.bare_route", extra={"GATEWAY_PORT": str(bare)})
    try:
        await stack.provision()
        key = await _make_key(stack)
        await gateway.start()
        await gateway.ready()
        yield stack, bare, key
    finally:
        await reference.kill()
        await gateway.kill()
        await stack.kill()


async def _make_key(stack: Stack) -> str:
    """Make a user, and a key of theirs."""
    database, key = open_database(stack.environment()["DATABASE_URL"]), make_key("bench")
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": USER, "email": "bench@example.com"})
    await KEYS.add(
        database,
        key,
        name="bench",
        environment="bench",
        user_id=USER,
        scopes=("files:write",),
        limits=Limits(),
        expires_at=None,
    )
    await database.close()
    return key.text


async def upload(target: Target, key: str, size: int) -> None:
    """Send one body of zeros."""
    length = "Transfer-Encoding: chunked" if target.chunked else f"Content-Length: {size}"
    lines = (f"POST {target.path} HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", "Connection: close", length)
    reader, writer = await asyncio.open_connection(LOOPBACK, target.port)
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async for piece in pieces(size):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if target.chunked else piece)
        await writer.drain()
    if target.chunked:
        writer.write(b"0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    if b" 202 " not in answer[:20]:
        raise SystemExit(f"{target.title}: {answer[:300]!r}")


async def pieces(size: int) -> AsyncIterator[bytes]:
    """Yield so many zeros."""
    while size > 0:
        yield _PIECE[:size]
        size -= len(_PIECE)


async def rate(stack: Stack, target: Target, key: str, streams: int, size: int) -> float:
    """Return the megabytes per second of so many bodies at once."""
    began = time.perf_counter()
    if target.port is None:
        objects = stack.objects
        transfers = open_transfers(objects.endpoint, objects.access_key, objects.secret_key, "nightshift")
        await asyncio.gather(
            *(
                transfers.receive(f"bench/{number}", pieces(size), length=size, content_type="a/b")
                for number in range(streams)
            )
        )
        await transfers.close()
    else:
        await asyncio.gather(*(upload(target, key, size) for _ in range(streams)))
    return streams * size / MEGABYTE / (time.perf_counter() - began)


async def measure(megabytes: int, rounds: int) -> dict[str, list[float]]:
    """Every target in turn, round by round: with one stream, and with twenty that together are as long."""
    measured: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        async with running(Path(name)) as (stack, bare, key):
            port = stack.gateway_port.number
            targets = (
                Target("a bare route of the same server, not stored", bare, "/swallow"),
                Target("the object store alone", None),
                Target("POST /v1/files, hashed and stored", port, "/v1/files"),
                Target("the same chunked, by way of the disk", port, "/v1/files", chunked=True),
            )
            for number in range(rounds):
                for streams in (1, STREAMS):
                    for target in targets:
                        title = f"{target.title}, {streams} at once" if streams > 1 else target.title
                        found = await rate(stack, target, key, streams, megabytes * MEGABYTE // streams)
                        measured.setdefault(title, []).append(found)
                        print(f"  round {number + 1}  {title:<56}{found:>8,.0f} MB/s", flush=True)
    return measured


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.uploads", description=__doc__, epilog="example: python -m bench.uploads --megabytes 200"
    )
    parser.add_argument("--megabytes", type=int, default=1000, help="what is sent each time (1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (3)")
    options = parser.parse_args()
    measured = uvloop.run(measure(options.megabytes, options.rounds))
    rows = {title: f"{statistics.median(rates):,.0f} MB/s" for title, rates in measured.items()}
    how = f"median of {options.rounds} rounds of {options.megabytes} MB, client and object store beside it"
    print(write_figures("uploads", how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
