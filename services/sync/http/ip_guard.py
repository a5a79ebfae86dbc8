"""Which addresses of the internet protocol may be asked on a user's behalf: public ones, and nothing else."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: where there is no IPv4, every IPv4 host has an address in here."""
_CLOSED = (
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 of one's own, RFC 8215: whatever is behind it
    ipaddress.ip_network("fec0::/10"),  # site-local, RFC 3879
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, RFC 6890: a large cloud's metadata is among them
    ipaddress.ip_network("192.88.99.0/24"),  # relays that are no more, RFC 7526
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
    ipaddress.ip_network("168.63.129.16/32"),  # a public number, and yet the inside of one large cloud
)


def is_public(text: str) -> bool:
    """Whether an address is everybody's: not private, loopback, link-local (metadata services), multicast, reserved.

    An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4, Teredo) is as good as what it carries.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_public(one) for one in (address, *_embedded(address)))


def _public(address: Address) -> bool:
    if any(address in network for network in _CLOSED):
        return False
    if isinstance(address, ipaddress.IPv6Address) and _carries(address):
        return True  # what it carries decides; whether such an address is global, Python's versions say differently
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carries(address: ipaddress.IPv6Address) -> bool:
    return address.ipv4_mapped is not None or address.sixtofour is not None or address in _NAT64


def _embedded(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in carried if one is not None]
