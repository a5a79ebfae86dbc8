"""Speaks to a broker in the bytes that the `nats` command line puts on its socket, without any client library."""

import json
import re
import secrets
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_MESSAGE = re.compile(rb"(H?)MSG (\S+) \S+ (?:(\S+) )??(?:(\d+) )?(\d+)\r\n")
_PLAIN = re.compile(rb"(PONG|PING|\+OK|INFO [^\r]*|-ERR [^\r]*)\r\n")


class NatsCli:
    """One connection of the command line: what `nats pub`, `nats req` and their like say.

    `authority` is the certificate (PEM) that signed the broker's; without it nothing is encrypted. `refusals` holds
    the broker's errors so far, such as `Permissions Violation for Publish to "…"`.
    """

    def __init__(
        self, port: int, *, user: str = "", password: str = "", host: str = "127.0.0.1", authority: str = ""
    ) -> None:
        self._socket = socket.create_connection((host, port), timeout=10)
        self._buffer = b""
        self._inbox = f"_INBOX.{secrets.token_hex(11)}"
        self.refusals: list[str] = []
        self._answers: dict[str, tuple[bytes, bytes]] = {}
        login = {"user": user, "pass": password} if user else {}
        about = {"tls_required": bool(authority), "name": "NATS CLI Version 0.3.0", "lang": "go", "version": "1.47.0"}
        connect = {"verbose": False, "pedantic": False, **login, **about, "protocol": 1, "echo": True, "headers": True}
        options = json.dumps(connect | {"no_responders": True}, separators=(",", ":"))
        try:
            if authority:
                self._encrypt(authority, host)
            self._send(f"CONNECT {options}\r\nPING\r\n".encode())
            self._until_pong()
        except OSError:
            self.close()
            raise

    def pub(self, subject: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """`nats pub SUBJECT BODY -H name:value …`; returns once the broker has read it."""
        self._publish(subject, "", body, headers)
        self.flush()

    def req(
        self, subject: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None, *, patience: int = 50
    ) -> dict[str, Any]:
        """`nats req SUBJECT BODY`; returns the answer.

        Raises:
            AssertionError: the broker refused it, nobody listens, or no answer came.
        """
        if not self._answers:
            self._send(f"SUB {self._inbox}.*  1\r\n".encode())
        reply = f"{self._inbox}.{secrets.token_hex(4)}"
        self._answers[reply] = (b"", b"")
        before = len(self.refusals)
        self._publish(subject, reply, body, headers)
        for _ in range(patience):
            self.flush()
            head, answer = self._answers[reply]
            if answer:
                return dict(json.loads(answer))
            if b" 503" in head or len(self.refusals) > before:
                break
            self._socket.settimeout(0.1)
            try:
                self._read()
            except TimeoutError:
                pass
            finally:
                self._socket.settimeout(10)
        raise AssertionError(f"no answer to {subject}: {self.refusals[before:] or 'nobody listens'}")

    def sub(self, subject: str) -> None:
        """`nats sub SUBJECT`; what the broker says to it is in `refusals` on return."""
        self._send(f"SUB {subject}  {secrets.randbelow(10_000) + 10}\r\n".encode())
        self.flush()

    def flush(self) -> None:
        """Returns once the broker has read and answered all that was sent."""
        self._send(b"PING\r\n")
        self._until_pong()

    def may_publish(self, subject: str, body: str | bytes = b"") -> bool:
        """Publishes something and says whether the broker let it pass."""
        before = len(self.refusals)
        self.pub(subject, body)
        return len(self.refusals) == before

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _publish(self, subject: str, reply: str, body: str | bytes, headers: Mapping[str, str] | None) -> None:
        data = body.encode() if isinstance(body, str) else body
        target = f"{subject} {reply} " if reply else f"{subject} "
        if headers:
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            block = f"NATS/1.0\r\n{head}\r\n".encode()
            self._send(f"HPUB {target}{len(block)} {len(block) + len(data)}\r\n".encode() + block + data + b"\r\n")
        else:
            self._send(f"PUB {target}{len(data)}\r\n".encode() + data + b"\r\n")

    def _encrypt(self, authority: str, host: str) -> None:
        """Verifies the broker once it has said, in the clear, who it is."""
        while not self._buffer.endswith(b"\r\n"):
            piece = self._socket.recv(65_536)
            if not piece:
                raise ConnectionResetError("the broker closed the connection before it said anything")
            self._buffer += piece
        self._socket = ssl.create_default_context(cadata=authority).wrap_socket(self._socket, server_hostname=host)

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _until_pong(self) -> None:
        while not self._read():
            pass

    def _read(self) -> bool:
        """Reads one protocol message; True for a PONG."""
        while True:
            if found := _PLAIN.match(self._buffer):
                self._buffer = self._buffer[found.end() :]
                return self._plain(found[1])
            if (found := _MESSAGE.match(self._buffer)) and len(self._buffer) >= found.end() + int(found[5]) + 2:
                self._take(found)
                return False
            piece = self._socket.recv(65_536)
            if not piece:
                raise ConnectionResetError(f"the broker closed the connection: {self.refusals}")
            self._buffer += piece

    def _plain(self, line: bytes) -> bool:
        if line.startswith(b"-ERR "):
            self.refusals.append(line[5:].decode().strip("'"))
        elif line == b"PING":
            self._send(b"PONG\r\n")
        return line == b"PONG"

    def _take(self, found: re.Match[bytes]) -> None:
        head_size, size = int(found[4] or 0), int(found[5])
        data = self._buffer[found.end() : found.end() + size]
        self._buffer = self._buffer[found.end() + size + 2 :]
        self._answers[found[2].decode()] = (data[:head_size], data[head_size:])
