"""Lets a process say that it is there when the operator asks: one question to all, one answer from each.

Plain messages outside of every stream: nothing is stored, and nothing is sent while nobody asks. An answer goes to a
subject of the service's own, so that no service needs the right to publish to whatever inbox a question names.
"""

import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from nightshift.broker import Connection
from nightshift.version import VERSION

PING = "workers.ping"
HERE = "workers.here"
"""Answers come on `workers.here.<service>`."""


class TypeCounts(msgspec.Struct, frozen=True, rename="camel"):
    """What a worker did with jobs of one type since it started: how often each outcome, and seconds in the handler."""

    outcomes: dict[str, int]
    seconds: float


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A process that is there."""

    service: str
    version: str
    host: str
    pid: int
    started: Annotated[datetime, Meta(tz=True)]
    health: str
    slots: int = 0
    in_flight: int = 0
    finished: int = 0
    types: Mapping[str, TypeCounts] = {}

    @property
    def name(self) -> str:
        """What tells it from its fellows."""
        return f"{self.service}@{self.host}:{self.pid}"


def reply_subject(service: str) -> str:
    """Where a service's processes answer."""
    return f"{HERE}.{service}"


def describe_self(service: str, health: str) -> WorkerInfo:
    """This process, before it did anything."""
    now = datetime.now(UTC)
    return WorkerInfo(
        service=service, version=VERSION, host=socket.gethostname(), pid=os.getpid(), started=now, health=health
    )


async def answer(connection: Connection, now: Callable[[], WorkerInfo]) -> None:
    """Answers every question from now on, for as long as the connection lives."""

    def take(_subject: bytes, _reply: bytes, _headers: bytes, _body: bytes) -> None:
        worker = now()
        connection.send(reply_subject(worker.service).encode(), msgspec.json.encode(worker))

    await connection.listen(PING, take)
