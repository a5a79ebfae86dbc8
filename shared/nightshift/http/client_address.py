"""The address of a client: that of the connection, or what a proxy that is trusted says."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
AddressOf = Callable[[Request], str]


def address_reader(trusted: Iterable[str]) -> AddressOf:
    """Return the function that tells a request's client; `trusted` are addresses and networks of proxies.

    Of `X-Forwarded-For`, what stands furthest right and is no trusted proxy counts: what stands before it is only said.
    """
    networks = [ip_network(proxy) for proxy in trusted]

    def address(request: Request) -> str:
        peer = request.client.host if request.client else ""
        if not networks or not _is_in(networks, peer):
            return peer
        said = ",".join(request.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in said.split(",") if part.strip()]):
            if _parsed(hop) is None:
                return peer
            if not _is_in(networks, hop):
                return hop
            peer = hop
        return peer

    return address


def _is_in(networks: Iterable[IPv4Network | IPv6Network], text: str) -> bool:
    address = _parsed(text)
    return address is not None and any(address in network for network in networks)


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
