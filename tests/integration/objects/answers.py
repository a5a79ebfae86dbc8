"""An HTTP server that answers every request with scripted bytes: what S3 servers say in bad times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Answers:
    """`raw` is sent to each request, `by_method` holds exceptions; `requests` collects their first lines."""

    endpoint: str = ""
    raw: bytes = b""
    by_method: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def say(
        self, status: str, body: str, *headers: str, kind: str = "application/xml", method: str | None = None
    ) -> None:
        """Answer with a status, a body and further header lines from now on."""
        usual = [f"content-type: {kind}", f"content-length: {len(body)}", "connection: close"]
        raw = "\r\n".join([f"HTTP/1.1 {status}", *usual, *headers, "", body]).encode()
        if method:
            self.by_method[method] = raw
        else:
            self.raw = raw

    def say_code(self, status: str, code: str, *headers: str, method: str | None = None) -> None:
        """Answer with an error of S3."""
        self.say(status, f"<Error><Code>{code}</Code><Message>told so</Message></Error>", *headers, method=method)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and answer it."""
        try:
            first, _, _ = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")
            self.requests.append(first)
            writer.write(self.by_method.get(first.split()[0], self.raw))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def answering() -> AsyncIterator[Answers]:
    """Run the server on a free loopback port."""
    answers = Answers()
    server = await asyncio.start_server(answers.serve, "127.0.0.1", 0)
    async with server:
        answers.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield answers
