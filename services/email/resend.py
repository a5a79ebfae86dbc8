"""Send mail through Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email)."""

import asyncio
import os
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec

from nightshift import Snooze
from nightshift.config.bearer import bearer
from nightshift.config.redaction import single_line
from nightshift.config.settings import Secret
from nightshift.instants import utc_now
from nightshift.observability.log import get_logger
from nightshift.proxies import choose_proxy
from services.email.mailer import Held, Mailbox, OutgoingMail, SendFailedError, Sent, Transport
from services.email.rate_limiter import RateLimiter
from services.email.resend_errors import TOO_MANY, UNREACHABLE, accepted_id, refusal
from services.email.sender_holds import SenderHolds

_LARGE = 256 * 1024
"""Bytes. A larger mail is encoded in a thread, so that it does not block the event loop."""
_CONNECT_SECONDS = 15.0
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_log = get_logger("resend")
_PLAIN_NAME = re.compile(r"[^,;:@.()\[\]]*")


class ResendMailer:
    """Post each mail to Resend with the job's idempotency key: sent again within 24 hours, it is sent once.

    A mail that is sent again more than 24 hours after an attempt whose answer was lost may arrive twice: Resend has
    forgotten the key by then. Resend gives mails a `Message-ID` of its own.
    """

    transport: Transport = "resend"

    def __init__(
        self,
        *,
        api_key: Secret,
        url: str,
        rate_limiter: RateLimiter,
        timeout_seconds: float = 30.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = f"{url.rstrip('/')}/emails"
        self._rate_limiter, self._now, self._holds = rate_limiter, now, SenderHolds()
        chosen = choose_proxy(self._url, os.environ)
        self._proxy_problem = "; ".join(chosen.problems)
        if self._proxy_problem:
            _log.warning("proxy_not_used", self._proxy_problem)
        self._client = httpx.AsyncClient(
            trust_env=False,  # its reading of the proxy variables fails on some that others understand
            verify=httpx.create_ssl_context(),  # which reads SSL_CERT_FILE and SSL_CERT_DIR all the same
            proxy=chosen.url,
            auth=bearer(api_key),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "nightshift",  # requests without one are rejected
            },
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
        )

    async def send(self, mail: OutgoingMail) -> Sent:
        """Implement `Mailer.send`; `resend_errors` maps answers to outcomes."""
        self._holds.enter(mail.sender.address)
        content = await asyncio.to_thread(encode, mail) if mail.size > _LARGE else encode(mail)
        await self._rate_limiter.acquire()
        try:
            response = await self._client.post(
                self._url, content=content, headers={"Idempotency-Key": mail.idempotency_key}
            )
        except _NOTHING_SENT as error:
            raise self._unreachable(error) from error
        except httpx.HTTPError as error:
            raise SendFailedError(
                f"no answer from Resend ({self._url}), it may have taken the mail: {_words(error)}"
            ) from error
        provider_id = accepted_id(response)
        if provider_id is None:
            outcome = refusal(response, self._now(), sender=mail.sender.address)
            if isinstance(outcome, Held):
                self._holds.hold(outcome)
            elif response.status_code == TOO_MANY and isinstance(outcome, Snooze):
                self._rate_limiter.pause(outcome.delay)
            raise outcome
        self._holds.release(mail.sender.address)
        return Sent("resend", provider_id)

    async def check(self) -> None:
        """Implement `Mailer.check`: any answer will do, because a key that may only send cannot be tried otherwise."""
        self._holds.check()
        try:
            await self._client.get(self._url)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.HTTPError) -> Snooze:
        because = f" ({self._proxy_problem})" if self._proxy_problem else ""
        return Snooze(UNREACHABLE, f"Resend ({self._url}) cannot be reached: {_words(error)}{because}")

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def encode(mail: OutgoingMail) -> bytes:
    """Return the request's body: the same bytes for every attempt of a job, else the idempotency key is refused."""
    body: dict[str, Any] = {
        "from": _address(mail.sender),
        **_recipients(mail),
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
    }
    if mail.reply_to:
        body["reply_to"] = _address(mail.reply_to)
    if mail.files:
        body["attachments"] = [
            {"filename": file.name, "content": b64encode(file.content).decode(), "content_type": file.content_type}
            for file in mail.files
        ]
    return msgspec.json.encode(body)


def _recipients(mail: OutgoingMail) -> dict[str, list[str]]:
    """Return the fields of the recipients that are to get the mail: Resend knows no envelope beside them."""
    lists = {"to": mail.to, "cc": mail.cc, "bcc": mail.bcc}
    wanted = set(mail.recipients)
    fields = {name: [_address(box) for box in boxes if box.address in wanted] for name, boxes in lists.items()}
    fields = {name: addresses for name, addresses in fields.items() if addresses}
    if "to" not in fields:  # which is the one that must be there
        first = next(iter(fields))
        fields = {"to": fields.pop(first), **fields}
    return fields


def _address(box: Mailbox) -> str:
    if not box.name:
        return box.address
    name = box.name if _PLAIN_NAME.fullmatch(box.name) else '"' + re.sub(r'(["\\\\])', r"\\\1", box.name) + '"'
    return f"{name} <{box.address}>"


def _words(error: httpx.HTTPError) -> str:
    return single_line(str(error), 300) or type(error).__name__
