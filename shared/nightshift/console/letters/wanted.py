"""A filter of dead letters, and what it means for the index."""

from typing import NamedTuple

from nightshift.console.web.parameters import instant
from nightshift.text import storable


class Wanted(NamedTuple):
    """A filter; a field that is empty matches any."""

    service: str = ""
    type: str = ""
    reason: str = ""
    error: str = ""
    group: str = ""
    tenant: str = ""
    since: str = ""
    until: str = ""


def conditions(wanted: Wanted) -> tuple[list[str], list[object]]:
    """Return what a filter means in SQL: conditions, all of which hold, and their values."""
    since, until = instant(wanted.since), instant(wanted.until)
    found: list[tuple[str, object]] = [
        ("service = ?", wanted.service),
        ("type = ?", wanted.type),
        ("reason = ?", wanted.reason),
        ("grouped = ?", wanted.group),
        ("error LIKE ? ESCAPE '\\'", f"%{_escaped(wanted.error)}%" if wanted.error else ""),
        ("tenant = ?", storable(wanted.tenant)),
        ("died >= ?", since and since.timestamp()),
        ("died < ?", until and until.timestamp()),
    ]
    given = [(condition, value) for condition, value in found if value not in {"", None}]
    return [condition for condition, _ in given], [value for _, value in given]


def _escaped(text: str) -> str:
    return storable(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
