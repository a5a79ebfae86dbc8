"""Made-up figures for tests of the layout."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.report.parameters import ReportRequest
from services.report.period import days_until
from services.report.queries.activity_figures import ActiveUser, ActivityFigures
from services.report.queries.daily_counts import Days
from services.report.queries.dead_letters import DeadLetters
from services.report.queries.storage_figures import LargeFile, Owner, StorageFigures, Stored
from services.report.queries.weekly_figures import WeeklyFigures

UNTIL = datetime(2026, 11, 23, tzinfo=UTC)
PERIOD = days_until(UNTIL, ZoneInfo("UTC"), 7)
NONE = Days((0,) * 7, (0,) * 7)
SOME = Days((1, 2, 3, 4, 5, 6, 7), (7, 6, 5, 4, 3, 2, 2))


def request(**changes: Any) -> ReportRequest:
    """Request the seven days until a Monday."""
    return ReportRequest(**{"period": PERIOD, "sheet_rows": 100, **changes})


def dead_letters(waiting: dict[str, int] | None = None, *, ever: dict[str, int] | None = None) -> DeadLetters:
    """Return counts taken on that Monday."""
    return DeadLetters(seen_at=UNTIL, waiting=waiting or {}, ever=ever or {})


def weekly(days: Days = SOME, **changes: Any) -> WeeklyFigures:
    """Return a week in which every series is the same."""
    made: dict[str, Any] = {"users": 120, "users_before": 92, "failed_uploads": 2, "failed_uploads_before": 1}
    made |= {"new_users": days, "uploads": days, "uploaded_bytes": days, "mails": days}
    return WeeklyFigures(**(made | changes))


def activity(name: str = "Ada", **changes: Any) -> ActivityFigures:
    """Return one active user of three."""
    user = ActiveUser("user-1", name, "ada@example.com", 28, UNTIL)
    made: dict[str, Any] = {"users": 3, "active": 1, "active_before": 1, "active_by_day": SOME, "actions": SOME}
    made |= {"by_action": [("login", 20)], "most_active": [user], "comparable": True}
    return ActivityFigures(**(made | changes))


def storage(name: str = "Ada", **changes: Any) -> StorageFigures:
    """Return two files, one of which has an owner."""
    whole = Stored(None, 2, 3000)
    made: dict[str, Any] = {"at_end": whole, "at_start": Stored(None, 1, 1000), "ownerless": Stored(None, 1, 1000)}
    made |= {"added": SOME, "added_bytes": SOME, "by_status": [Stored("processed", 2, 3000)]}
    made |= {"by_type": [Stored(name, 1, 2000), Stored(None, 1, 1000)], "owners": 1}
    made |= {"largest_owners": [Owner("user-1", name, "ada@example.com", 1, 2000)]}
    made |= {"largest_files": [LargeFile(name, None, "text/csv", 2000)]}
    return StorageFigures(**(made | changes))
