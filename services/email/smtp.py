"""Send mail by SMTP."""

import asyncio
import re

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPRecipientRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from nightshift import Permanent
from nightshift.config.redaction import single_line
from services.email.mailer import AnswerLostError, Deferred, Held, OutgoingMail, Sent, Transport
from services.email.mime import needs_utf8, render
from services.email.sender_holds import SenderHolds
from services.email.smtp_config import SmtpServer
from services.email.smtp_errors import RECIPIENT, Outcome, provider_id, recipients_refusal, refusal
from services.email.smtp_pool import PooledConnection, SmtpPool

_LARGE = 256 * 1024
"""Bytes. A larger mail is rendered in a thread, so that it does not block the event loop."""
_GO_ON, _DONE = 354, 250
_CLOSING = 421
_TEMPORARY = range(400, 500)
_MESSAGE = "the message"
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_END = b".\r\n"


class _StaleConnectionError(Exception):
    """A reused connection turned out to be dead, or used up; nothing of the mail was transmitted."""


class SmtpMailer:
    """Sends each mail to an SMTP server in one transaction: to those of its recipients that the server accepts.

    When the connection breaks, or no answer comes, after the message was transmitted, the server may or may not have
    accepted it. That is a failed attempt, and the next one sends the mail again under the same `Message-ID`, by which
    many receivers recognise duplicates.
    """

    transport: Transport = "smtp"

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._pool = SmtpPool(server)
        self._holds = SenderHolds()

    async def send(self, mail: OutgoingMail) -> Sent:
        """Implement `Mailer.send`; `smtp_errors` maps replies to outcomes."""
        self._holds.enter(mail.sender.address)
        content = await asyncio.to_thread(render, mail) if mail.size > _LARGE else render(mail)
        try:
            try:
                sent = await self._send(mail, content, fresh=False)
            except _StaleConnectionError:
                sent = await self._send(mail, content, fresh=True)
        except Held as outcome:
            self._holds.hold(outcome)
            raise
        held = next((outcome for outcome in sent.refused.values() if isinstance(outcome, Held)), None)
        if held:
            self._holds.hold(held)
        else:
            self._holds.release(mail.sender.address)
        return sent

    async def check(self) -> None:
        """Implement `Mailer.check`: tell who is held back; greet the server and log in, on a connection of its own."""
        self._holds.check()
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
            result: Sent | Outcome | None = await self._begin(connection, mail, len(content))
            if result is None:
                result = await self._offer_and_transmit(connection, mail, content)
            if not isinstance(result, Sent):
                await _abort(connection.client)
        if isinstance(result, Sent):
            return result
        raise result

    async def _begin(self, connection: PooledConnection, mail: OutgoingMail, size: int) -> Outcome | None:
        """Open the transaction; the first command on a reused connection shows whether it is still alive."""
        client = connection.client
        options = [f"SIZE={size}"] if client.supports_extension("size") else []
        if needs_utf8(mail):
            if not client.supports_extension("smtputf8"):
                return Permanent(
                    f"the mail server {self._server} takes no addresses with letters beyond ASCII before the @ "
                    "(it does not offer SMTPUTF8)"
                )
            options += ["BODY=8BITMIME", "SMTPUTF8"]
        try:
            await client.mail(mail.sender.address, options=options, encoding="utf-8")
        except SMTPSenderRefused as error:
            if connection.reused and error.code in _TEMPORARY:
                raise _StaleConnectionError from error
            what = f"the sender {mail.sender.address}"
            return refusal(what, error.code, error.message, sender=mail.sender.address)
        except SMTPException as error:
            return self._broken_before(connection, error)
        return None

    async def _offer_and_transmit(
        self, connection: PooledConnection, mail: OutgoingMail, content: bytes
    ) -> Sent | Outcome:
        """Name all recipients, and transmit the message if the server takes it for any of them."""
        refused: dict[str, Outcome] = {}
        sender = mail.sender.address
        for address in mail.recipients:
            try:
                await connection.client.rcpt(address, encoding="utf-8")
            except SMTPRecipientRefused as error:
                outcome = refusal(f"{RECIPIENT}{address}", error.code, error.message, sender=sender)
                if error.code == _CLOSING:
                    return outcome
                refused[address] = outcome
            except SMTPException as error:
                return self._broken_before(connection, error)
        if len(refused) == len(mail.recipients):
            return recipients_refusal(refused)
        try:
            reply = await connection.client.execute_command(b"DATA", timeout=self._server.data_timeout_seconds)
        except SMTPException as error:
            return self._broken_before(connection, error)
        if reply.code != _GO_ON:
            return refusal(_MESSAGE, reply.code, reply.message, sender=sender)
        return await self._transmit(connection.client, content, sender, refused)

    async def _transmit(self, client: SMTP, content: bytes, sender: str, refused: dict[str, Outcome]) -> Sent | Outcome:
        """Send the message, for which the server waits, and read what it says; from the first byte on it may have it.

        In two steps, because the library's own `data` does not tell whether the message had been asked for.
        """
        try:
            if client.protocol is None:
                raise SMTPServerDisconnected("connection lost")
            client.protocol.write(_LEADING_DOT.sub(b"..", content) + _END)
            reply = await client.protocol.read_response(timeout=self._server.data_timeout_seconds)
        except SMTPException as error:
            client.close()
            words = single_line(str(error), 300)
            raise AnswerLostError(
                f"the connection to the mail server {self._server} broke ({words}): the message may have been accepted"
            ) from error
        if reply.code == _DONE:
            return Sent("smtp", provider_id(reply.message), refused)
        return refusal(_MESSAGE, reply.code, reply.message, sender=sender)

    def _broken_before(self, connection: PooledConnection, error: SMTPException) -> Outcome:
        """Return the outcome of a connection that broke before the message was transmitted: nobody has it.

        On a fresh connection it may be this mail that the server cannot stand, so that it waits on its budget.

        Raises:
            _StaleConnectionError: it was an idle one, which servers and firewalls close without a word.
        """
        if connection.reused:
            raise _StaleConnectionError from error
        connection.client.close()
        words = single_line(str(error), 300) or type(error).__name__
        return Deferred(f"the connection to the mail server {self._server} broke ({words}): nothing was transmitted")


async def _abort(client: SMTP) -> None:
    """Abort the transaction so that the connection can be reused; if that fails close the connection."""
    try:
        await client.rset()
    except SMTPException:
        client.close()
