"""Which kinds of report there are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.outcomes import Permanent
from nightshift.text import did_you_mean
from services.report.rendering.document import Document
from services.report.reports import storage_usage, user_activity, weekly_summary
from services.report.request import Order

WEEKLY_SUMMARY = "weekly-summary"


@dataclass(slots=True, frozen=True)
class Kind:
    """How a report of one kind is made: `build` reads all its figures through one connection, in one snapshot."""

    build: Callable[[AsyncConnection, Order], Awaitable[Document]]
    usual_days: int
    counts_dead_letters: bool = False


KINDS = {
    WEEKLY_SUMMARY: Kind(weekly_summary.weekly_summary, weekly_summary.DAYS, counts_dead_letters=True),
    "user-activity": Kind(user_activity.user_activity, user_activity.DAYS),
    "storage-usage": Kind(storage_usage.storage_usage, storage_usage.DAYS),
}


def kind_of(name: str) -> Kind:
    """Returns the kind of this name.

    Raises:
        Permanent: there is none; says which there are.
    """
    if name in KINDS:
        return KINDS[name]
    raise Permanent(f"there is no kind of report {name!r}{did_you_mean(name, KINDS)} (there are {', '.join(KINDS)})")
