"""An HTTP server that answers every request with the same scripted bytes: what S3 servers say in bad times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Answers:
    """`raw` is sent to each request; `requests` holds their first lines."""

    endpoint: str = ""
    raw: bytes = b""
    requests: list[str] = field(default_factory=list)

    def say(self, status: str, body: str, *headers: str, kind: str = "application/xml") -> None:
        """Answers with a status, a body and further header lines from now on."""
        lines = [
            f"HTTP/1.1 {status}",
            f"content-type: {kind}",
            f"content-length: {len(body)}",
            "connection: close",
            *headers,
            "",
            body,
        ]
        self.raw = "\r\n".join(lines).encode()

    def say_code(self, status: str, code: str, *headers: str) -> None:
        """Answers with an error of S3."""
        self.say(status, f"<Error><Code>{code}</Code><Message>told so</Message></Error>", *headers)


@asynccontextmanager
async def answering() -> AsyncIterator[Answers]:
    """Runs the server on a free loopback port."""
    answers = Answers()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            answers.requests.append(head.partition("\r\n")[0])
            writer.write(answers.raw)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        answers.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield answers
