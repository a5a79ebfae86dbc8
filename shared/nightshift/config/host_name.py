"""Tell which names of hosts can exist, before anybody is asked for their address."""

import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST = 253


def is_host(host: str) -> bool:
    """Tell whether a name may be looked up (RFC 1035 §2.3.4), or is an address.

    Underscores are not for hosts, but in use. A name whose last part is a number is an IPv4 address or nothing. A name
    beyond ASCII is looked up as the standard library encodes it.
    """
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return False
    if ":" in host:
        return _is_address(host.partition("%")[0])
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _is_address(name)
    return len(name) <= _LONGEST and all(map(_is_label, labels))


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    try:
        return not label.lower().startswith("xn--") or bool(label[4:].encode().decode("punycode"))
    except UnicodeError:
        return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
