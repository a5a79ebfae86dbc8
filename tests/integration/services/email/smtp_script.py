"""A real SMTP server in the test's own event loop that answers as its script says."""

import asyncio
import contextlib
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HANG = "hang"
"""No answer at all."""
DROP = "drop"
"""The connection breaks, without an answer."""


@dataclass
class Received:
    """A message as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class SmtpScript:
    """What the server answers, one entry per command, then 250; and what it saw.

    `rcpt` is by recipient. An entry is a reply, `HANG` or `DROP`.
    """

    helo: deque[str] = field(default_factory=deque)
    mail: deque[str] = field(default_factory=deque)
    rcpt: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    data: deque[str] = field(default_factory=deque)
    rset: deque[str] = field(default_factory=deque)
    early: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    """By command, `STARTTLS`, `AUTH` or `DATA`: what happens instead of it, before any message or handshake."""
    accepted: str = "250 2.0.0 Ok: queued as 4bXy1z"

    host: str = "127.0.0.1"
    port: int = 0
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """How clients introduced themselves."""
    servers: list[SMTP] = field(default_factory=list)
    """One per connection that was ever made."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Set in the end, for those who hang."""

    async def handle_HELO(self, server: SMTP, session: Session, envelope: Envelope, name: str) -> str:  # noqa: N802 - aiosmtpd's name
        """Answers to our name."""
        del envelope
        session.host_name = name
        self.names.append(name)
        return await self._reply(server, self.helo, "250 script.localhost")

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, name: str, responses: list[str]
    ) -> list[str]:
        """Answers to our name, with what the server can do."""
        del envelope
        session.host_name = name
        self.names.append(name)
        reply = await self._reply(server, self.helo, "250")
        return responses if reply == "250" else [reply]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answers to a sender."""
        del session
        self.commands.append("MAIL")
        reply = await self._reply(server, self.mail, "250 2.1.0 Ok")
        if reply.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answers to a recipient."""
        del session, options
        self.commands.append("RCPT")
        reply = await self._reply(server, self.rcpt[address], "250 2.1.5 Ok")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Answers to a transmitted message. It is kept unless refused: also when the answer is lost."""
        del session
        self.commands.append("DATA")
        entry = self.data[0] if self.data else self.accepted
        if entry[:1] not in {"4", "5"}:
            content = envelope.original_content or b""
            self.received.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return await self._reply(server, self.data, self.accepted)

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Answers to the end of a transaction."""
        del session, envelope
        self.commands.append("RSET")
        return await self._reply(server, self.rset, "250 Ok")

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Notes that the client said goodbye."""
        del server, session, envelope
        self.commands.append("QUIT")
        return "221 Bye"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Lets `ada` in with the password `made-up`."""
        del server, session, envelope
        self.logins.append(mechanism)
        right = isinstance(data, LoginPassword) and data == LoginPassword(b"ada", b"made-up")
        return AuthResult(success=right, handled=False)

    async def instead(self, server: SMTP, command: str) -> bool:
        """Return whether something else happened instead of a command."""
        if not self.early[command]:
            return False
        await server.push(await self._reply(server, self.early[command], ""))
        return True

    def hang_up(self) -> None:
        """Breaks all connections, as a server that has been restarted does."""
        for server in self.servers:
            _abort(server)

    async def _reply(self, server: SMTP, entries: deque[str], otherwise: str) -> str:
        entry = entries.popleft() if entries else otherwise
        if entry == HANG:
            await self.answers.wait()
        if entry == DROP:
            _abort(server)
        return entry


class _Scripted(SMTP):
    """Asks its script before the commands for which aiosmtpd has no hook."""

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Answers to the wish for TLS."""
        if not await self.event_handler.instead(self, "STARTTLS"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Answers to a login."""
        if not await self.event_handler.instead(self, "AUTH"):
            await super().smtp_AUTH(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Answers to the announcement of a message."""
        if not await self.event_handler.instead(self, "DATA"):
            await super().smtp_DATA(arg)


def _abort(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


@asynccontextmanager
async def smtp_server(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[SmtpScript]:
    """Runs a server on a free loopback port; `tls` offers STARTTLS, or with `implicit` speaks TLS from the start."""
    script = SmtpScript(host=host)
    options |= {"hostname": "script.localhost", "authenticator": script.authenticate}
    options |= {"tls_context": None if implicit else tls, "loop": asyncio.get_running_loop()}

    def connection() -> SMTP:
        script.servers.append(_Scripted(script, **options))
        return script.servers[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, script.host, 0, ssl=tls if implicit else None)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        script.answers.set()
        script.hang_up()
        await _ended(script)


async def _ended(script: SmtpScript) -> None:
    for server in script.servers:
        task = server._handler_coroutine  # aiosmtpd has no public way to wait for a connection's end
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
    await asyncio.sleep(0)  # an aborted transport closes its socket in the next turn of the loop
