"""Parse the addresses of a message into mailboxes that every mail server understands."""

import re
import unicodedata

import idna

from nightshift import Permanent
from services.email.mailer import Mailbox

_NAMED = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"<]*)) *<(?P<inside>.*)>')
_MAX_DOMAIN = 253
_SHOWN = frozenset({"Ll", "Lu", "Lt", "Lo", "Lm", "Nd", "So", "Sk", "Sm"})
"""Categories of characters that registries give away in names."""


def mailbox(text: str) -> Mailbox:
    """Parse an address that the contract accepted: `ada@example.com` or `Ada Lovelace <ada@example.com>`.

    Raises:
        Permanent: its domain cannot exist.
    """
    text = text.strip(" ")
    parts = _NAMED.fullmatch(text)
    if parts is None:
        return Mailbox("", _with_dns_domain(text))
    name = parts["plain"] if parts["quoted"] is None else re.sub(r"\\(.)", r"\1", parts["quoted"])
    return Mailbox(name.strip(), _with_dns_domain(parts["inside"]))


def mailboxes(texts: str | tuple[str, ...]) -> tuple[Mailbox, ...]:
    """Parse one address or several.

    Raises:
        Permanent: a domain among them cannot exist.
    """
    return tuple(mailbox(text) for text in ((texts,) if isinstance(texts, str) else texts))


def domain_of(box: Mailbox) -> str:
    """Return the part after the @."""
    return box.address.rpartition("@")[2]


def _with_dns_domain(address: str) -> str:
    """Return the address with its domain as in DNS (IDNA 2008; the standard library's codec turns ß into ss)."""
    local, _, domain = address.rpartition("@")
    try:
        if not domain.isascii():
            domain = ".".join(map(_dns_label, re.split("[.\u3002\uff0e\uff61]", domain)))
    except UnicodeError as error:
        raise Permanent(f"{address!r} is not an email address: its domain cannot exist ({error})") from None
    if len(domain) > _MAX_DOMAIN:
        raise Permanent(f"{address!r} is not an email address: its domain is longer than {_MAX_DOMAIN} characters")
    return f"{local}@{domain.lower()}"


def _dns_label(label: str) -> str:
    """Return a label of a domain as in DNS; IDNA 2008 refuses some that exist, such as those with emoji.

    Raises:
        UnicodeError: there can be no such label.
    """
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError:
        if not any(unicodedata.category(character) in _SHOWN for character in label):
            raise
        encoded = unicodedata.normalize("NFKC", label.casefold()).encode("punycode").decode("ascii")
        return f"xn--{encoded}"
