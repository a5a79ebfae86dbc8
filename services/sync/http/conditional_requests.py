"""Conditional requests (RFC 9110 §13): what a server gave to recognise an answer by, and how it is asked with that."""

import re
from collections.abc import Mapping

from services.sync.connector import Validators

_FIT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?")


def validators(headers: Mapping[str, str]) -> Validators:
    """Reads them from an answer; what could not be sent back in a header counts as not there."""
    return Validators(_fit(headers.get("etag")), _fit(headers.get("last-modified")))


def conditions(known: Validators | None) -> dict[str, str]:
    """The headers that ask for a page only if it has changed."""
    headers: dict[str, str] = {}
    if known is not None and known.etag is not None:
        headers["If-None-Match"] = known.etag
    if known is not None and known.last_modified is not None:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def _fit(value: str | None) -> str | None:
    return value if value is not None and _FIT.fullmatch(value) else None
