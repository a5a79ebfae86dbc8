"""Sends mail by SMTP."""

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
from services.email.smtp_pool import Link, SmtpPool

_LARGE = 256 * 1024
"""Bytes. Writing out a larger mail takes long enough to do it in a thread, where it holds up nobody."""
_CLOSING = 421


class _StaleConnectionError(Exception):
    """A connection that was used before is dead; nothing of the mail went over it."""


class SmtpMailer:
    """Hands each mail to an SMTP server in one transaction: to all of its recipients, or to none.

    When a recipient is refused the transaction is broken off before the message is transmitted.

    The window: when the connection breaks, or no answer comes, after the message was transmitted, the server may or
    may not have taken it. That is a failed attempt, and the next one sends the mail again under the same
    `Message-ID`, by which many receivers recognise it.
    """

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._pool = SmtpPool(server)

    async def send(self, mail: OutgoingMail) -> Sent:
        """See `Mailer.send`; `smtp_replies` says which refusal means what."""
        content = await asyncio.to_thread(render, mail) if mail.size > _LARGE else render(mail)
        try:
            return await self._send(mail, content, fresh=False)
        except _StaleConnectionError:
            return await self._send(mail, content, fresh=True)

    async def check(self) -> None:
        """See `Mailer.check`. Greets the server and logs in, on a connection of its own."""
        pool = SmtpPool(self._server)
        try:
            async with pool.link():
                pass
        finally:
            await pool.close()

    async def close(self) -> None:
        """Says QUIT on all connections."""
        await self._pool.close()

    async def _send(self, mail: OutgoingMail, content: bytes, *, fresh: bool) -> Sent:
        async with self._pool.link(fresh=fresh) as link:
            refused = await self._begin(link, mail, len(content)) or await self._offer(link.client, mail)
            result = refused or await self._transmit(link.client, content)
            if not isinstance(result, Sent):
                await _abandon(link.client)
        if isinstance(result, Sent):
            return result
        raise result

    async def _begin(self, link: Link, mail: OutgoingMail, size: int) -> Outcome | None:
        """Opens the transaction; the first command on a reused connection shows whether it still lives."""
        options = [f"SIZE={size}"] if link.client.supports_extension("size") else []
        try:
            await link.client.mail(mail.sender.address, options=options)
        except SMTPSenderRefused as error:
            if link.reused and error.code == _CLOSING:
                raise _StaleConnectionError from error
            return refusal(f"the sender {mail.sender.address}", error.code, error.message)
        except SMTPException as error:
            if link.reused:
                raise _StaleConnectionError from error
            raise self._broken(error, "nothing was transmitted") from error
        return None

    async def _offer(self, client: SMTP, mail: OutgoingMail) -> Outcome | None:
        """Names all recipients; returns the outcome if not every one of them is accepted."""
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
            raise self._broken(error, "the message may have been accepted all the same") from error
        return Sent("smtp", provider_id(reply.message))

    def _broken(self, error: Exception, known: str) -> SendFailedError:
        words = single_line(str(error), 300)
        return SendFailedError(f"the connection to the mail server {self._server} broke ({words}): {known}")


async def _abandon(client: SMTP) -> None:
    """Ends the transaction, so that the connection can be used for the next mail; else the connection."""
    try:
        await client.rset()
    except SMTPException:
        client.close()
