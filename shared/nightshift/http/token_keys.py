"""The public keys of an identity provider (JWKS, RFC 7517): fetched when they are needed, and remembered."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.proxies import choose_proxy

FRESH_SECONDS = 3600.0
UNKNOWN_KEY_SECONDS = 60.0
"""At most so often they are fetched anew because a token names a key that is not among them."""
_FAILED_SECONDS = 2.0
_FETCH_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_log = get_logger("tokens")

FetchKeys = Callable[[], Awaitable[bytes]]


class TokenKeys:
    """Keys that outlive an outage of their provider: those of before go on being used."""

    def __init__(self, fetch: FetchKeys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: KeySet | None = None
        self._tried = -float("inf")
        self._fetching = asyncio.Lock()

    async def having(self, kid: str | None) -> KeySet:
        """Return the keys; fetched anew if that may bring the one of this id.

        Raises:
            Unavailable: they have never been fetched, and cannot be now.
        """
        if self._should_fetch(kid):
            async with self._fetching:
                if self._should_fetch(kid):
                    await self._refresh()
        if self._keys is None:
            raise Unavailable("identity provider", "its keys cannot be fetched")
        return self._keys

    def _should_fetch(self, kid: str | None) -> bool:
        age = self._clock() - self._tried
        if self._keys is None:
            return age > _FAILED_SECONDS
        unknown = kid is not None and all(key.kid != kid for key in self._keys.keys)
        return age > FRESH_SECONDS or (unknown and age > UNKNOWN_KEY_SECONDS)

    async def _refresh(self) -> None:
        try:
            self._keys = KeySet.import_key_set(msgspec.json.decode(await self._fetch()))
        except (httpx.HTTPError, JoseError, ValueError, TypeError, KeyError) as error:
            _log.error("keys_not_fetched", "The keys of the identity provider cannot be fetched", error=str(error))
        finally:  # not before: whoever comes meanwhile waits for it
            self._tried = self._clock()


def fetch_from(url: str) -> FetchKeys:
    """Return the function that fetches the keys from an address."""

    async def fetch() -> bytes:
        return await fetch_document(url)

    return fetch


async def fetch_document(url: str) -> bytes:
    """Return what a provider publishes at an address: at most a megabyte, within five seconds, from there alone.

    Raises:
        httpx.HTTPError: it cannot be fetched.
        ValueError: it is too long.
    """
    outward = httpx.AsyncClient(
        timeout=_FETCH_SECONDS,
        trust_env=False,  # its reading of the proxy variables fails on some that others understand
        verify=httpx.create_ssl_context(),
        proxy=choose_proxy(url, os.environ).url,
    )
    async with outward as client, client.stream("GET", url) as response:
        response.raise_for_status()
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _MOST_BYTES:
                raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
        return body
