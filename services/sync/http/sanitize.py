"""Makes text of a stranger fit to be kept: every database takes it, and nothing is endless."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from nightshift.instants import rfc3339
from nightshift.retry_after import http_date
from nightshift.text import storable

LONGEST = 10_000
"""Characters of one text."""
_LONGEST_ID = 300
_LONGEST_URL = 2_000


def clean(value: str, limit: int = LONGEST) -> str:
    """Without NUL, which PostgreSQL refuses, and lone surrogates, which no encoding has."""
    return storable(value[:limit])


def cleaned(value: Any, limit: int = LONGEST) -> str | None:
    """The same for what may be anything."""
    return clean(value, limit) if isinstance(value, str) else None


def external_id(value: str) -> str:
    """An id that fits into a key: a longer one becomes its SHA-256."""
    tidy = clean(value, len(value))
    return tidy if len(tidy) <= _LONGEST_ID else "sha256:" + sha256(tidy.encode()).hexdigest()


def web_address(value: str | None, base: str) -> str | None:
    """An absolute http or https address, or None: whoever shows it as a link must not run a script."""
    try:
        address = urljoin(base, (value or "").strip()) if value else ""
    except ValueError:
        return None
    fits = address.lower().startswith(("https://", "http://")) and len(address) <= _LONGEST_URL
    return clean(address) if fits else None


def instant(value: str | None) -> str | None:
    """RFC 3339 in UTC from either kind of date that feeds use; None if it is neither."""
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
