"""Clean untrusted text so that every database accepts it, with a limited length."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from nightshift.instants import rfc3339
from nightshift.retry_after import http_date
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


def instant(value: str | None) -> str | None:
    """Convert a date to RFC 3339 in UTC; return None if it cannot be read."""
    text = (value or "").strip()[:100]
    moment = _iso(text) or http_date(text)
    try:
        return None if moment is None else rfc3339(moment)
    except (OverflowError, ValueError):
        return None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
