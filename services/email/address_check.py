"""Parse the addresses of a message into mailboxes that every mail server understands."""

import re

import idna

from nightshift.outcomes import Permanent
from services.email.mailer import Mailbox

_PARTS = re.compile(r'^(?:"(?P<quoted>[^"]*)" *|(?P<plain>[^<]*))<(?P<inside>[^>]*)>\Z')
_MAX_DOMAIN = 253


def mailbox(text: str) -> Mailbox:
    """Parse an address that the contract accepted: `ada@example.com` or `Ada Lovelace <ada@example.com>`.

    Raises:
        Permanent: its domain cannot exist.
    """
    parts = _PARTS.match(text.strip())
    if parts is None:
        return Mailbox("", _ascii(text.strip()))
    name = parts["plain"] if parts["quoted"] is None else parts["quoted"]
    return Mailbox(name.strip(), _ascii(parts["inside"]))


def mailboxes(texts: str | tuple[str, ...]) -> tuple[Mailbox, ...]:
    """Parse one address or several.

    Raises:
        Permanent: a domain among them cannot exist.
    """
    return tuple(mailbox(text) for text in ((texts,) if isinstance(texts, str) else texts))


def domain_of(box: Mailbox) -> str:
    """Return the part after the @."""
    return box.address.rpartition("@")[2]


def _ascii(address: str) -> str:
    """Return the address with its domain as in DNS (IDNA 2008; the standard library's codec turns ß into ss)."""
    local, _, domain = address.rpartition("@")
    try:
        if not domain.isascii():
            domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise Permanent(f"{address!r} is not an email address: its domain cannot exist ({error})") from None
    if len(domain) > _MAX_DOMAIN:
        raise Permanent(f"{address!r} is not an email address: its domain is longer than {_MAX_DOMAIN} characters")
    return f"{local}@{domain.lower()}"
