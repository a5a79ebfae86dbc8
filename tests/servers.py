"""Real servers and services for a test: started, and ended whatever happens; skipped where a program is missing."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import NoReturn, TypeVar

import pytest

from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.mail_server import MailServer
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack

S = TypeVar("S", Broker, ObjectServer, MailServer, Stack)


def absent(reason: str) -> NoReturn:
    """Skips what cannot be tried on this machine; fails in CI, where nothing may be left out."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def needing_programs() -> Iterator[None]:
    """What is done inside needs programs that this machine may not have."""
    try:
        yield
    except ProgramMissingError as missing:
        absent(str(missing))


async def listens(port: int) -> bool:
    """Whether anybody takes connections there."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def running(server: S) -> AsyncIterator[S]:
    """The server, started; afterwards it is killed, because its state is thrown away."""
    with needing_programs():
        await server.start()
    try:
        yield server
    finally:
        await server.kill()


@asynccontextmanager
async def serving(*services: Service) -> AsyncIterator[None]:
    """All of them are ready inside, and asked to end afterwards."""
    async with AsyncExitStack() as closing:
        for service in services:
            await service.start()
            closing.push_async_callback(service.stop)
        for service in services:
            await service.ready()
        yield
