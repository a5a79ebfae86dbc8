"""Ask Stripe's API for one object (https://docs.stripe.com/api), with a restricted key that may only read."""

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from nightshift import Permanent, Snooze
from nightshift.config.bearer import bearer
from nightshift.config.redaction import single_line
from nightshift.config.settings import Secret
from nightshift.instants import utc_now
from nightshift.observability.log import get_logger
from nightshift.proxies import choose_proxy
from nightshift.retry_after import retry_after, server_time
from nightshift.webhooks.json_text import decode_json
from services.webhook.refreshing import Fetched, ProviderFailedError
from services.webhook.stripe.objects import is_deleted

VERSION = "2026-10-28.endive"
"""The version of the API that is asked for; without it, each account has its own."""
_MAX_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10.0
_UNREACHABLE = timedelta(seconds=30)
_MISCONFIGURED = timedelta(minutes=5)
_TOO_MANY = timedelta(seconds=5)
_log = get_logger("webhook")


class StripeApi:
    """Gets objects from Stripe; implements `ProviderApi`."""

    def __init__(
        self, key: Secret, *, url: str, timeout_seconds: float = 20.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._now, self._url = now, url.rstrip("/")
        chosen = choose_proxy(self._url, os.environ)
        for problem in chosen.problems:
            _log.warning("proxy_not_used", problem)
        self._client = httpx.AsyncClient(
            trust_env=False,  # its reading of the proxy variables fails on some that others understand
            verify=httpx.create_ssl_context(),
            proxy=chosen.url,
            auth=bearer(key),
            headers={"Stripe-Version": VERSION, "User-Agent": "nightshift"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS)),
            follow_redirects=False,
        )

    async def get(self, path: str, context: str | None) -> Fetched:
        """Implement `ProviderApi.get`; objects that are gone answer 404, or say `deleted`."""
        began = time.monotonic()
        response = await self._ask(path, {"Stripe-Context": context} if context else {})
        # The answer's `Date` is in whole seconds, and from after Stripe looked.
        looked = server_time(response.headers, self._now()) - timedelta(seconds=time.monotonic() - began)
        as_of = looked.replace(microsecond=0)
        if response.status_code == httpx.codes.NOT_FOUND:
            return Fetched(None, deleted=True, as_of=as_of)
        if response.status_code != httpx.codes.OK:
            raise _refusal(response, path, self._now())
        data = _object(response)
        return Fetched(data, deleted=is_deleted(data), as_of=as_of)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _ask(self, path: str, headers: dict[str, str]) -> httpx.Response:
        try:
            async with self._client.stream("GET", self._url + path, headers=headers) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _MAX_BYTES:
                        raise Permanent(f"Stripe's answer to {path} is longer than {_MAX_BYTES} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Snooze(_UNREACHABLE, f"Stripe ({self._url}) cannot be reached: {_words(error)}") from error
        except httpx.HTTPError as error:
            raise ProviderFailedError(f"no answer from Stripe ({self._url}): {_words(error)}") from error
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(body))


def _plain(headers: httpx.Headers) -> httpx.Headers:
    """Return the headers of a body that was decompressed and joined."""
    kept = httpx.Headers(headers)
    for name in ("content-encoding", "transfer-encoding", "content-length"):
        kept.pop(name, None)
    return kept


def _refusal(response: httpx.Response, path: str, now: datetime) -> Exception:
    code = response.status_code
    words = f"Stripe answered {code} to {path}: {_message(response)}"
    if code == httpx.codes.TOO_MANY_REQUESTS:
        return Snooze(retry_after(response.headers, now) or _TOO_MANY, words)
    if code == httpx.codes.UNAUTHORIZED:
        return Snooze(_MISCONFIGURED, f"{words}; check STRIPE_API_KEY")
    if code == httpx.codes.FORBIDDEN:
        return Permanent(f"{words}; the key in STRIPE_API_KEY has to be allowed to read this")
    if code >= httpx.codes.INTERNAL_SERVER_ERROR or code in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.CONFLICT}:
        pause = retry_after(response.headers, now)
        return ProviderFailedError(words) if pause is None else Snooze(pause, words)
    if code < httpx.codes.BAD_REQUEST:
        return Snooze(_MISCONFIGURED, f"{words}, which is no answer of Stripe's; check STRIPE_API_URL")
    return Permanent(words)


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.convert(decode_json(response.content), dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderFailedError(f"Stripe's answer is no JSON object: {single_line(str(error), 200)}") from None


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Answer(msgspec.Struct):
    error: _Error


def _message(response: httpx.Response) -> str:
    try:
        error = msgspec.json.decode(response.content, type=_Answer).error
        return single_line(error.message or error.type, 300)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return single_line(response.text[:300], 300) or "no text"


def _words(error: httpx.HTTPError) -> str:
    return single_line(str(error), 300) or type(error).__name__
