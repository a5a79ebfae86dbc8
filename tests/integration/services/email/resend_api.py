"""A local HTTP server that speaks as Resend's API does (https://resend.com/docs/api-reference)."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

API_KEY = "re_made_up_key"
HANG = "hang"
DROP = "drop"


@dataclass
class Answer:
    """A reply that the script forces: an error as Resend writes it."""

    code: int
    name: str = ""
    message: str = "why"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass
class Request:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: Any


@dataclass
class ResendApi:
    """`script` holds forced answers, or `HANG` and `DROP`: the mail is taken and the answer lost.

    `per_second`: how many requests it answers in each second, as Resend counts them; None for any number.
    """

    script: deque[Answer | str] = field(default_factory=deque)
    refused: set[str] = field(default_factory=set)
    per_second: int | None = None
    url: str = ""
    window: tuple[int, int] = (0, 0)
    requests: list[Request] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, tuple[Any, str]] = field(default_factory=dict)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    connections: dict["asyncio.Task[Any] | None", asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection."""
        self.connections[asyncio.current_task()] = writer
        try:
            while request := await _request(reader):
                self.requests.append(request)
                entry = self.script.popleft() if self.script else None
                answer = entry if isinstance(entry, Answer) else self._answer(request)
                if entry == HANG:
                    await self.answers.wait()
                if isinstance(entry, str):
                    break
                writer.write(_response(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, request: Request) -> Answer:
        return self._limit() or self._refusal(request) or self._taken(request)

    def _limit(self) -> Answer | None:
        second = int(asyncio.get_running_loop().time())
        count = self.window[1] + 1 if self.window[0] == second else 1
        self.window = (second, count)
        if self.per_second is None or count <= self.per_second:
            return None
        return Answer(429, "rate_limit_exceeded", "Too many requests.", headers={"retry-after": "1"})

    def _refusal(self, request: Request) -> Answer | None:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return Answer(403, "invalid_api_key", "API key is invalid.")
        if not request.headers.get("user-agent"):
            return Answer(403, raw=b"error code: 1010")
        if request.line != "POST /emails HTTP/1.1":
            return Answer(404, "not_found", "The requested endpoint does not exist.")
        if refused := [text for text in _everybody(request.body) if _address(text) in self.refused]:
            return Answer(422, "validation_error", f"Invalid `to` field: {refused[0]}")
        return None

    def _taken(self, request: Request) -> Answer:
        body, key = request.body, request.headers["idempotency-key"]
        if key in self.known:
            known, name = self.known[key]
            if known != body:
                return Answer(409, "invalid_idempotent_request", "Same idempotency key used with another payload.")
            return _yes(name)
        name = f"49a3999c-{len(self.sent):04}"
        self.known[key] = (body, name)
        self.sent.append(body)
        return _yes(name)


def _everybody(body: dict[str, Any]) -> list[str]:
    return [text for field_name in ("to", "cc", "bcc") for text in body.get(field_name, [])]


def _address(text: str) -> str:
    return text.rpartition("<")[2].rstrip(">")


def recipients(body: dict[str, Any]) -> list[str]:
    """Addresses of everybody who gets a mail."""
    return [_address(text) for text in _everybody(body)]


def _yes(name: str) -> Answer:
    return Answer(200, raw=json.dumps({"id": name}).encode())


async def _request(reader: asyncio.StreamReader) -> Request | None:
    line = (await reader.readline()).decode().strip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, json.loads(body or b"null"))


def _response(answer: Answer) -> bytes:
    error = {"statusCode": answer.code, "name": answer.name, "message": answer.message}
    body = json.dumps(error).encode() if answer.raw is None else answer.raw
    lines = {"content-type": "application/json", "content-length": str(len(body)), "ratelimit-limit": "5"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | answer.headers).items())
    return f"HTTP/1.1 {answer.code} Scripted\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def resend_api() -> AsyncIterator[ResendApi]:
    """Runs the API on a free loopback port."""
    api = ResendApi()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield api
    finally:
        server.close()
        api.answers.set()
        for writer in api.connections.values():
            writer.close()
        await asyncio.gather(*(task for task in api.connections if task is not None))
