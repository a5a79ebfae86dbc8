"""Sends mail through Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email)."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec

from nightshift.config.redaction import single_line
from nightshift.config.secret import Secret
from nightshift.instants import utc_now
from nightshift.outcomes import Snooze
from services.email.mailer import Mailbox, OutgoingMail, SendFailedError, Sent
from services.email.rate_limiter import Pace
from services.email.resend_errors import AWAY, TOO_MANY, accepted_id, refusal

_LARGE = 256 * 1024
"""Bytes. Encoding a larger mail takes long enough to do it in a thread, where it holds up nobody."""
_CONNECT_SECONDS = 15.0
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PLAIN_NAME = re.compile(r"[^,;:@.()\[\]]*")


class ResendMailer:
    """Posts each mail to Resend with the job's idempotency key: sent again within 24 hours, it is sent once.

    The window: a mail that is sent again more than 24 hours after an attempt whose answer was lost (Resend forgets
    the key by then) may arrive twice. Resend gives mails a `Message-ID` of its own.
    """

    def __init__(
        self,
        *,
        api_key: Secret,
        url: str,
        pace: Pace,
        timeout_seconds: float = 30.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = f"{url.rstrip('/')}/emails"
        self._pace, self._now = pace, now
        self._client = httpx.AsyncClient(
            headers={
                "Authorization": f"Bearer {api_key.reveal()}",
                "Content-Type": "application/json",
                "User-Agent": "nightshift",  # requests without one are rejected
            },
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
        )

    async def send(self, mail: OutgoingMail) -> Sent:
        """See `Mailer.send`; `resend_answers` says which answer means what."""
        content = await asyncio.to_thread(encode, mail) if mail.size > _LARGE else encode(mail)
        await self._pace.turn()
        try:
            response = await self._client.post(
                self._url, content=content, headers={"Idempotency-Key": mail.idempotency_key}
            )
        except _NOTHING_SENT as error:
            raise Snooze(AWAY, f"Resend ({self._url}) cannot be reached: {_words(error)}") from error
        except httpx.HTTPError as error:
            raise SendFailedError(
                f"no answer from Resend ({self._url}), it may have taken the mail: {_words(error)}"
            ) from error
        provider_id = accepted_id(response)
        if provider_id is None:
            outcome = refusal(response, self._now())
            if response.status_code == TOO_MANY and isinstance(outcome, Snooze):
                self._pace.hold(outcome.delay)
            raise outcome
        return Sent("resend", provider_id)

    async def check(self) -> None:
        """See `Mailer.check`. Any answer will do: a key that may only send cannot be tried without sending."""
        try:
            await self._client.get(self._url)
        except httpx.HTTPError as error:
            raise Snooze(AWAY, f"Resend ({self._url}) cannot be reached: {_words(error)}") from error

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()


def encode(mail: OutgoingMail) -> bytes:
    """Returns the request's body: the same bytes for every attempt at a job, or the idempotency key is refused."""
    body: dict[str, Any] = {
        "from": _address(mail.sender),
        "to": [_address(box) for box in mail.to],
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
    }
    if mail.cc:
        body["cc"] = [_address(box) for box in mail.cc]
    if mail.bcc:
        body["bcc"] = [_address(box) for box in mail.bcc]
    if mail.reply_to:
        body["reply_to"] = _address(mail.reply_to)
    if mail.files:
        body["attachments"] = [
            {"filename": file.name, "content": b64encode(file.content).decode(), "content_type": file.content_type}
            for file in mail.files
        ]
    return msgspec.json.encode(body)


def _address(box: Mailbox) -> str:
    if not box.name:
        return box.address
    name = box.name if _PLAIN_NAME.fullmatch(box.name) else f'"{box.name}"'
    return f"{name} <{box.address}>"


def _words(error: httpx.HTTPError) -> str:
    return single_line(str(error), 300) or type(error).__name__
