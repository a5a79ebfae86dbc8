"""A transport that requests only public addresses: it resolves, checks, and connects to the checked address."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import zip_longest

import httpx

from nightshift import Permanent
from services.sync.http.ip_guard import is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_MAX_ADDRESSES = 3
"""Maximum number of a host's addresses that are tried in turn."""
_PORTS = {"http": 80, "https": 443}


async def resolve(host: str, port: int) -> list[str]:
    """Resolve a host's addresses.

    Raises:
        OSError: it has none, or the name server does not answer.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedTransport(httpx.AsyncBaseTransport):
    """Wraps a transport without keep-alive, because a connection made for one host must never serve another.

    The name is resolved once per request and the connection goes to the address that was checked, so that a name
    server gains nothing by answering differently the second time (DNS rebinding). The certificate is verified against
    the name. Behind a proxy the proxy resolves the name: then private addresses are refused where the name can be
    resolved here too, and else it is up to the proxy.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        allow_private: bool,
        behind_proxy: bool = False,
        resolve: Resolve = resolve,
    ) -> None:
        self._inner, self._allow_private, self._behind_proxy = inner, allow_private, behind_proxy
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request.

        Raises:
            Permanent: the host has an address that is not public.
            httpx.TransportError: it has no address, or none that answers.
        """
        if self._behind_proxy:
            with suppress(httpx.ConnectError):
                await self._addresses(request.url)
            return await self._inner.handle_async_request(request)
        *others, last = (await self._addresses(request.url))[:_MAX_ADDRESSES]
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(_pinned(request, address))
        return await self._inner.handle_async_request(_pinned(request, last))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        host = url.raw_host.decode("ascii")
        try:
            addresses = await self._resolve(host, url.port or _PORTS[url.scheme])
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"the host {host} has no address: {error}") from error
        if not addresses:
            raise httpx.ConnectError(f"the host {host} has no address")
        if not self._allow_private and not all(map(is_public, addresses)):
            raise Permanent(
                f"the host {host} is not on the public internet: it is not requested on a user's behalf "
                "(SYNC_ALLOW_PRIVATE_ADDRESSES=true allows it)"
            )
        return _alternating(addresses)


def _alternating(addresses: Sequence[str]) -> list[str]:
    """Alternate between IPv6 and IPv4, beginning with the preferred one: a machine may have only one of them."""
    first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    second = [one for one in addresses if one not in first]
    pairs = zip_longest(first, second)
    return [one for pair in pairs for one in pair if one is not None]


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """Return the same request to an address; its `Host` header and TLS server name stay those of the URL."""
    name = request.url.raw_host.decode("ascii")
    extensions = dict(request.extensions)
    if not _is_literal(name):
        extensions["sni_hostname"] = name
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address.partition("%")[0]),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
