"""A small HTTP/1.1 server on a loopback port, for stand-ins of external services."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlsplit

from nightshift.embedded.processes.ports import LOOPBACK


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names in lower case."""

    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    def query(self, name: str, default: str = "") -> str:
        """Return the first value of a parameter."""
        return parse_qs(urlsplit(self.target).query).get(name, [default])[0]


@dataclass
class Reply:
    """A reply; `Date` and `Content-Length` are added."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Respond = Callable[[Request], Awaitable[Reply | bytes]]
"""Bytes go over the wire as they are, and end the connection."""


class HttpSite:
    """A site that replies to requests with what `respond` returns, and remembers them."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.url = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        request = Request(head[0].split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs})
        self.requests.append(request)
        reply = await self._respond(request)
        writer.write(reply if isinstance(reply, bytes) else _written(reply))
        await writer.drain()
        return not isinstance(reply, bytes)


def _written(reply: Reply) -> bytes:
    own = {"Date": formatdate(usegmt=True), "Content-Length": str(len(reply.body))}
    if reply.status == HTTPStatus.NOT_MODIFIED:
        del own["Content-Length"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**own, **reply.headers}.items())
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}\r\n"
    return head.encode("latin-1") + reply.body
