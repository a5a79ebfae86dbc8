"""Decide which IP addresses may be requested on a user's behalf: public ones only."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: on IPv6-only networks, every IPv4 host has an address in this range."""
_CLOSED = (
    ipaddress.ip_network("64:ff9b:1::/48"),  # local-use NAT64, RFC 8215
    ipaddress.ip_network("fec0::/10"),  # site-local, RFC 3879
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, RFC 6890: includes a large cloud's metadata service
    ipaddress.ip_network("192.88.99.0/24"),  # deprecated 6to4 relays, RFC 7526
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
    ipaddress.ip_network("168.63.129.16/32"),  # public by number, but internal to one large cloud
)


def is_public(text: str) -> bool:
    """Tell whether an address is public: not private, loopback, link-local (metadata), multicast or reserved.

    An IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) is public if that address is.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_public(one) for one in (address, *_embedded(address)))


def _public(address: Address) -> bool:
    if any(address in network for network in _CLOSED):
        return False
    if isinstance(address, ipaddress.IPv6Address) and _embeds(address):
        return True  # the embedded address decides; Python versions differ on whether this one is global
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embeds(address: ipaddress.IPv6Address) -> bool:
    return address.ipv4_mapped is not None or address.sixtofour is not None or address in _NAT64


def _embedded(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in embedded if one is not None]
