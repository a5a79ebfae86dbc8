"""Send mail by SMTP."""

import asyncio

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPSenderRefused,
)

from nightshift.config.redaction import single_line
from services.email.mailer import OutgoingMail, SendFailedError, Sent
from services.email.mime import render
from services.email.smtp_config import SmtpServer
from services.email.smtp_errors import Outcome, provider_id, recipients_refusal, refusal
from services.email.smtp_pool import PooledConnection, SmtpPool

_LARGE = 256 * 1024
"""Bytes. A larger mail is rendered in a thread, so that it does not block the event loop."""
_CLOSING = 421


class _StaleConnectionError(Exception):
    """A reused connection turned out to be dead; nothing of the mail was transmitted."""


class SmtpMailer:
    """Sends each mail to an SMTP server in one transaction: to all of its recipients, or to none.

    When a recipient is refused the transaction is aborted before the message is transmitted.

    When the connection breaks, or no answer comes, after the message was transmitted, the server may or may not have
    accepted it. That is a failed attempt, and the next one sends the mail again under the same `Message-ID`, by which
    many receivers recognise duplicates.
    """

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._pool = SmtpPool(server)

    async def send(self, mail: OutgoingMail) -> Sent:
        """Implement `Mailer.send`; `smtp_errors` maps replies to outcomes."""
        content = await asyncio.to_thread(render, mail) if mail.size > _LARGE else render(mail)
        try:
            return await self._send(mail, content, fresh=False)
        except _StaleConnectionError:
            return await self._send(mail, content, fresh=True)

    async def check(self) -> None:
        """Implement `Mailer.check`: greet the server and log in, on a connection of its own."""
        pool = SmtpPool(self._server)
        try:
            async with pool.connection():
                pass
        finally:
            await pool.close()

    async def close(self) -> None:
        """Send QUIT on all connections."""
        await self._pool.close()

    async def _send(self, mail: OutgoingMail, content: bytes, *, fresh: bool) -> Sent:
        async with self._pool.connection(fresh=fresh) as connection:
            refused = await self._begin(connection, mail, len(content)) or await self._offer(connection.client, mail)
            result = refused or await self._transmit(connection.client, content)
            if not isinstance(result, Sent):
                await _abort(connection.client)
        if isinstance(result, Sent):
            return result
        raise result

    async def _begin(self, connection: PooledConnection, mail: OutgoingMail, size: int) -> Outcome | None:
        """Open the transaction; the first command on a reused connection shows whether it is still alive."""
        options = [f"SIZE={size}"] if connection.client.supports_extension("size") else []
        try:
            await connection.client.mail(mail.sender.address, options=options)
        except SMTPSenderRefused as error:
            if connection.reused and error.code == _CLOSING:
                raise _StaleConnectionError from error
            return refusal(f"the sender {mail.sender.address}", error.code, error.message)
        except SMTPException as error:
            if connection.reused:
                raise _StaleConnectionError from error
            raise self._broken(error, "nothing was transmitted") from error
        return None

    async def _offer(self, client: SMTP, mail: OutgoingMail) -> Outcome | None:
        """Name all recipients; return the outcome if not all of them are accepted."""
        refused: list[SMTPRecipientRefused] = []
        try:
            for address in mail.recipients:
                try:
                    await client.rcpt(address)
                except SMTPRecipientRefused as error:
                    refused.append(error)
                    if error.code == _CLOSING:
                        break
        except SMTPException as error:
            if not refused:
                raise self._broken(error, "nothing was transmitted") from error
        return recipients_refusal(refused, len(mail.recipients) - len(refused)) if refused else None

    async def _transmit(self, client: SMTP, content: bytes) -> Sent | Outcome:
        try:
            reply = await client.data(content, timeout=self._server.data_timeout_seconds)
        except SMTPDataError as error:
            return refusal("the message", error.code, error.message)
        except SMTPException as error:
            raise self._broken(error, "the message may have been accepted") from error
        return Sent("smtp", provider_id(reply.message))

    def _broken(self, error: Exception, known: str) -> SendFailedError:
        words = single_line(str(error), 300)
        return SendFailedError(f"the connection to the mail server {self._server} broke ({words}): {known}")


async def _abort(client: SMTP) -> None:
    """Abort the transaction so that the connection can be reused; if that fails close the connection."""
    try:
        await client.rset()
    except SMTPException:
        client.close()
