"""The kinds of report."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift import Permanent
from nightshift.text import did_you_mean
from services.report.parameters import ReportRequest
from services.report.rendering.document import Document
from services.report.reports import storage_usage, user_activity, weekly_summary

WEEKLY_SUMMARY = "weekly-summary"


@dataclass(slots=True, frozen=True)
class Kind:
    """How to build one kind of report; `build` reads all figures through one connection, from one snapshot."""

    build: Callable[[AsyncConnection, ReportRequest], Awaitable[Document]]
    default_days: int
    counts_dead_letters: bool = False


Kinds = Mapping[str, Kind]

KINDS: Kinds = {
    WEEKLY_SUMMARY: Kind(weekly_summary.weekly_summary, weekly_summary.DAYS, counts_dead_letters=True),
    "user-activity": Kind(user_activity.user_activity, user_activity.DAYS),
    "storage-usage": Kind(storage_usage.storage_usage, storage_usage.DAYS),
}


def kind_of(name: str, kinds: Kinds = KINDS) -> Kind:
    """Return the kind of this name.

    Raises:
        Permanent: there is none; lists those that exist.
    """
    if name in kinds:
        return kinds[name]
    raise Permanent(f"there is no kind of report {name!r}{did_you_mean(name, kinds)} (there are {', '.join(kinds)})")
