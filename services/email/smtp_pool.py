"""Connections to an SMTP server: opened on demand, reused, dropped when stale."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPResponseException,
)

from nightshift import Snooze
from nightshift.config.redaction import single_line
from services.email.helo import own_literal
from services.email.mailer import Held
from services.email.smtp_config import SmtpServer
from services.email.smtp_errors import BUSY, MISCONFIGURED, refusal

_QUIT_SECONDS = 5.0
_TEMPORARY = range(400, 500)


@dataclass(slots=True)
class PooledConnection:
    """A connection that is in use."""

    client: SMTP
    reused: bool


class SmtpPool:
    """Holds the connections to one server, at most `server.connections` at a time."""

    def __init__(self, server: SmtpServer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._tls = server.tls_context()
        self._clock = clock
        self._closed = False
        self._idle: list[tuple[SMTP, float]] = []
        self._free = asyncio.Semaphore(server.connections)

    @asynccontextmanager
    async def connection(self, *, fresh: bool = False) -> AsyncIterator[PooledConnection]:
        """Provide a connection for exclusive use; after an exception it is not reused.

        Args:
            fresh: open a new one, because a reused one has turned out to be dead.

        Raises:
            Held: the server refuses us, and goes on doing so: a setting is wrong, or a limit reached.
            Snooze: no connection can be opened: the server is unreachable or busy.
        """
        async with self._free:
            client = None if fresh else self._reusable()
            connection = PooledConnection(client or await self._open(), reused=client is not None)
            try:
                yield connection
            except BaseException:
                connection.client.close()
                raise
            if self._closed:
                await _quit(connection.client)
            elif connection.client.is_connected:
                self._idle.append((connection.client, self._clock()))

    async def close(self) -> None:
        """Send QUIT on every connection: idle ones now, others when they are released."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_quit(client) for client, _ in idle))

    def _reusable(self) -> SMTP | None:
        """Return the idle connection that was used last, so that the surplus ones expire."""
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and self._clock() - since <= self._server.idle_seconds:
                return client
            client.close()
        return None

    async def _open(self) -> SMTP:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self._tls,
            username=server.user,
            password=server.password.reveal() if server.password else None,
            local_hostname=server.helo or await own_literal(server.host, server.port),
            timeout=server.timeout_seconds,
        )
        try:
            await client.connect(timeout=server.connect_timeout_seconds)
            await _introduce(client)
        except (OSError, SMTPException) as error:
            client.close()
            raise _unusable(server, error) from error
        except BaseException:
            client.close()
            raise
        return client


async def _introduce(client: SMTP) -> None:
    """Send EHLO unless connecting did, so that the server's extensions are known before the first mail."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except SMTPHeloError:
            await client.helo()


def _unusable(server: SmtpServer, error: Exception) -> Snooze:
    """Return the outcome of a failed connection: not the mail's fault, so it waits and no attempt is counted."""
    if isinstance(error, SMTPResponseException):
        return _refused(server, error)
    words = single_line(str(error), 500) or type(error).__name__
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Held(MISCONFIGURED, f"no TLS with the mail server {server}, check SMTP_TLS and SMTP_CA_FILE: {words}")
    if isinstance(error, SMTPNotSupported) or type(error) is SMTPException:
        return Held(MISCONFIGURED, f"the mail server {server} cannot do what the settings ask for: {words}")
    return Snooze(BUSY, f"the mail server {server} cannot be used: {words}")


def _refused(server: SmtpServer, error: SMTPResponseException) -> Snooze:
    """Return the outcome of a refusal before any mail: of our name, of our password, of our connection."""
    said = f"{error.code} {single_line(error.message, 500)}"
    if isinstance(error, SMTPHeloError) and error.code not in _TEMPORARY:
        return Held(MISCONFIGURED, f"the mail server {server} does not accept our name, set SMTP_HELO: {said}")
    outcome = refusal("us", error.code, error.message)
    if isinstance(outcome, Held) and outcome.delay != MISCONFIGURED:
        return Held(outcome.delay, f"the mail server {server} cannot be used: {said}")
    if isinstance(error, SMTPAuthenticationError) and error.code not in _TEMPORARY:
        return Held(MISCONFIGURED, f"the mail server {server} refused our login, check SMTP_USER: {said}")
    return Snooze(BUSY, f"the mail server {server} cannot be used: {said}")


async def _quit(client: SMTP) -> None:
    with contextlib.suppress(OSError, SMTPException):
        await client.quit(timeout=_QUIT_SECONDS)
    client.close()
