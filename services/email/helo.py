"""Our name in EHLO: the host's, where it is one that mail servers accept, else the literal of our address."""

import asyncio
import contextlib
import ipaddress
import re
import socket

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{3,253}}\Z)(?:{_LABEL}\.)+(?![0-9]){_LABEL}")


def usable_name(name: str) -> str | None:
    """Return a host's name if it is one with a dot and of letters, digits and hyphens; servers refuse others."""
    bare = name.rstrip(".")
    return bare if _NAME.fullmatch(bare) else None


def literal(address: str) -> str:
    """Return an IP address as a mail server reads it (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else parsed
    return f"[{mapped}]" if mapped else f"[IPv6:{parsed}]"


async def own_literal(host: str, port: int) -> str:
    """Return the literal of the address from which this machine reaches a server; nothing is sent to find out."""
    with contextlib.suppress(OSError, UnicodeError):
        for family, kind, protocol, _, target in await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_DGRAM
        ):
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
                probe.connect(target)
                return literal(probe.getsockname()[0])
    return literal("127.0.0.1")
