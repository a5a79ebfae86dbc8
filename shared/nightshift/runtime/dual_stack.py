"""Listening on every address of the machine, whether it has IPv6, IPv4 or both."""

import errno

ANYWHERE, ANYWHERE_IPV4 = "::", "0.0.0.0"  # noqa: S104 - said by whoever asks for it
NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
"""How the system refuses an IPv6 address where that is switched off."""
