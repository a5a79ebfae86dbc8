"""Fetch one document from the web, with limits on time, size, redirects and destination."""

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import httpx

from nightshift import Permanent
from nightshift.config.host_name import is_host
from nightshift.config.redaction import single_line
from services.sync.connector import NoAnswerInTimeError, SyncFailedError
from services.sync.http.bounded_body import ACCEPTED, read_body
from services.sync.http.pinned_transport import PinnedTransport

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = "nightshift-sync"
_CONNECT_SECONDS = 10.0
_LAST_PORT = 65_535
_HOST = re.compile(r"(https?://(?:[^/?#@]*@)?)([^/?#@:\[\]]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its body decompressed; `url` is its address after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str
    is_cut: bool = False
    """The document is larger than the limit, and `body` only its beginning."""
    is_torn: bool = False
    """Its packing breaks off or is damaged, and `body` is what could be unpacked."""


class Web:
    """Requests the operator's own addresses directly, and all others through a `PinnedTransport`.

    Not a browser: no cookies, no credentials from addresses, no state between requests except connections to the
    operator's own addresses. Proxies of the environment are not used, only the one that is passed in.
    """

    def __init__(
        self,
        trusted: httpx.AsyncBaseTransport,
        guarded: httpx.AsyncBaseTransport,
        *,
        max_bytes: int,
        timeout_seconds: float,
    ) -> None:
        self._trusted, self._guarded = trusted, guarded
        self._max_bytes, self._timeout_seconds = max_bytes, timeout_seconds

    @classmethod
    def open(
        cls,
        *,
        allow_private: bool,
        max_bytes: int,
        timeout_seconds: float,
        connections: int,
        proxy: str | None = None,
    ) -> Self:
        """Create a client; it does not connect yet. With a `proxy` all requests go through it."""
        context = httpx.create_ssl_context()
        single = httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        guarded = PinnedTransport(
            httpx.AsyncHTTPTransport(verify=context, limits=single, proxy=proxy),
            allow_private=allow_private,
            behind_proxy=proxy is not None,
        )
        kept = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        trusted = httpx.AsyncHTTPTransport(verify=context, limits=kept, proxy=proxy)
        return cls(trusted, guarded, max_bytes=max_bytes, timeout_seconds=timeout_seconds)

    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        authorization: str | None = None,
        trusted: str | None = None,
        may_cut: bool = False,
    ) -> Answer:
        """Fetch one document; of a larger one than the limit, or one that is damaged, what there is if it `may_cut`.

        `authorization` goes to the first origin only, `trusted` is the operator's origin.

        Raises:
            SyncFailedError: no complete response in time, or too many redirects.
            Permanent: an address that must not be requested.
        """
        host = host_of(parse_url(url))  # all that errors may show: path and query may be a secret
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._follow(parse_url(url), headers, authorization, trusted)
                try:
                    body = await read_body(response, self._max_bytes, may_cut=may_cut)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise NoAnswerInTimeError(f"{host} did not answer within {self._timeout_seconds:g} s") from None
        except httpx.HTTPError as error:
            words = single_line(str(error), 300) or type(error).__name__
            raise SyncFailedError(f"no answer from {host}: {words}") from None
        return Answer(
            response.status_code, response.headers, body.data, str(response.request.url), body.is_cut, body.is_torn
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._trusted.aclose()
        await self._guarded.aclose()

    async def _follow(
        self, url: httpx.URL, headers: Mapping[str, str], authorization: str | None, trusted: str | None
    ) -> httpx.Response:
        """Return the first response that is no redirect; its body is not read yet."""
        first_origin = origin(url)
        for _ in range(MAX_REDIRECTS + 1):
            secret = {"Authorization": authorization} if authorization and origin(url) == first_origin else {}
            transport = self._trusted if origin(url) == trusted else self._guarded
            request = self._request(url, {**headers, **secret})
            response = await transport.handle_async_request(request)
            response.request = request
            location = response.headers.get("location") if response.status_code in _REDIRECTS else None
            if location is None:
                return response
            await response.aclose()
            url = _joined(url, location)
        raise SyncFailedError(f"{host_of(url)} redirects more than {MAX_REDIRECTS} times")

    def _request(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
        timeout = httpx.Timeout(self._timeout_seconds, connect=min(self._timeout_seconds, _CONNECT_SECONDS))
        host = url.netloc.decode("ascii")
        own = {"Host": host, "User-Agent": _USER_AGENT, "Accept-Encoding": ACCEPTED}
        return httpx.Request("GET", url, headers={**own, **headers}, extensions={"timeout": timeout.as_dict()})


def parse_url(url: str) -> httpx.URL:
    """Parse an address that may be requested.

    Raises:
        Permanent: it is not http or https, has no host that can exist, or contains credentials, which would end up in
            logs.
    """
    parsed = _parsed(url) or _parsed(_HOST.sub(_with_ascii_host, url, count=1))
    if parsed is None or not 0 <= (parsed.port or 0) <= _LAST_PORT:
        raise Permanent("the account's address is not valid: expected something like https://example.com/feed")
    if parsed.scheme not in {"http", "https"} or not parsed.raw_host:
        raise Permanent(f"the account's address begins with {single_line(parsed.scheme, 40)!r}, expected http or https")
    if not is_host(host_of(parsed)):
        raise Permanent(f"the account's address names a host that cannot exist: {single_line(host_of(parsed), 100)!r}")
    if parsed.userinfo:
        raise Permanent("the account's address contains credentials: put them into the account's own field")
    return parsed


def origin(url: httpx.URL | str) -> str:
    """Return scheme, host and port."""
    parsed = parse_url(url) if isinstance(url, str) else url
    port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
    return f"{parsed.scheme}://{host_of(parsed)}:{port}"


def host_of(url: httpx.URL) -> str:
    """Return the host in ASCII; unlike `url.host` it exists for any name that can be looked up."""
    return url.raw_host.decode("ascii")


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None


def _with_ascii_host(found: re.Match[str]) -> str:
    """Encode a host that IDNA 2008 does not know (symbols, emoji) as its registries and browsers do."""
    labels = unicodedata.normalize("NFKC", found[2]).lower().split(".")
    encoded = [one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in labels]
    return found[1] + ".".join(encoded)


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return parse_url(str(url.join(location)))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise SyncFailedError(f"{host_of(url)} redirects to something that is not an address") from None
