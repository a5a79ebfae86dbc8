"""What a report's row may ask for: how many days, until when, in which time zone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from nightshift import Permanent
from services.report.period import Period, days_until
from services.report.queries.dead_letters import DeadLetters

MAX_DAYS = 92


class Parameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The row's `parameters`: unknown ones are ignored, missing ones have a default."""

    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] | None = None
    """Calendar days; the kind of report has a default."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """End of the period, RFC 3339 with a zone; by default the time at which the row was created."""
    time_zone: str = "UTC"
    """IANA name of the zone whose midnights separate the days."""
    dead_letters: DeadLetters | None = None
    """Written by the first attempt, not by the requester: what it counted at the broker, so that a retry shows it."""


@dataclass(slots=True, frozen=True)
class ReportRequest:
    """What a report is built from besides the database: period, size of its sheet, dead letters now and a week ago."""

    period: Period
    sheet_rows: int
    dead_letters: DeadLetters | None = None
    earlier_dead_letters: DeadLetters | None = None

    @property
    def compared_with(self) -> str:
        """Return the label of the previous period."""
        days = len(self.period.days)
        return "the day before" if days == 1 else f"the {days} days before"


def parse_parameters(parameters: Any) -> Parameters:
    """Read the row's parameters.

    Raises:
        Permanent: names the parameter that is wrong.
    """
    try:
        return msgspec.convert(parameters, Parameters)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter: half of a surrogate pair
        raise Permanent(f"its parameters are wrong: {error}") from error


def period_of(parameters: Parameters, created_at: datetime, *, default_days: int) -> Period:
    """Return the days that the report covers.

    Raises:
        Permanent: the time zone does not exist, or the days lie outside of the calendar.
    """
    try:
        zone = ZoneInfo(parameters.time_zone)
    except (KeyError, ValueError, OSError):  # not found, not a valid name, a folder
        raise Permanent(
            f"its parameters are wrong: there is no time zone {parameters.time_zone!r} - at `$.timeZone`"
        ) from None
    try:
        period = days_until(parameters.until or created_at, zone, parameters.days or default_days)
        period.before.before  # noqa: B018 - must exist as well
    except OverflowError:
        raise Permanent(f"its parameters are wrong: {parameters.until} is out of range - at `$.until`") from None
    return period
