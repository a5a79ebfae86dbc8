"""Clean untrusted text so that every database accepts it, with a limited length."""

from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from nightshift.text import storable

MAX_LENGTH = 10_000
"""Characters of one text."""
_MAX_ID_LENGTH = 300
_MAX_URL_LENGTH = 2_000


def clean(value: str, limit: int = MAX_LENGTH) -> str:
    """Remove NUL, which PostgreSQL refuses, and replace lone surrogates, which UTF-8 cannot encode."""
    return storable(value[:limit])


def cleaned(value: Any, limit: int = MAX_LENGTH) -> str | None:
    """Clean a value of any type; return None unless it is text."""
    return clean(value, limit) if isinstance(value, str) else None


def external_id(value: str) -> str:
    """Return an id that fits into a key: one that is too long becomes its SHA-256."""
    tidy = clean(value, len(value))
    return tidy if len(tidy) <= _MAX_ID_LENGTH else "sha256:" + sha256(tidy.encode()).hexdigest()


def web_address(value: str | None, base: str) -> str | None:
    """Return an absolute http or https address, or None: shown as a link, it must not run a script."""
    try:
        address = urljoin(base, (value or "").strip()) if value else ""
    except ValueError:
        return None
    fits = address.lower().startswith(("https://", "http://")) and len(address) <= _MAX_URL_LENGTH
    return clean(address) if fits else None
