"""What a report's row may ask for: about how many days, until when, in which time zone."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from nightshift.outcomes import Permanent
from services.report.period import Period, days_until
from services.report.queries.dead_letters import DeadLetters

MAX_DAYS = 92


class Parameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The row's `parameters`; unknown ones are ignored, those that are not there have a default."""

    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] | None = None
    """Calendar days; if not set, as many as the kind usually has."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """The end, RFC 3339 with a zone; if not set, when the row was written."""
    time_zone: str = "UTC"
    """Whose midnights part the days (IANA name)."""
    dead_letters: DeadLetters | None = None
    """Not asked for: what the first attempt saw at the broker, so that the next one shows the same."""


def read(parameters: Any) -> Parameters:
    """Reads them from the row.

    Raises:
        Permanent: names what is wrong.
    """
    try:
        return msgspec.convert(parameters, Parameters)
    except msgspec.ValidationError as error:
        raise Permanent(f"its parameters are wrong: {error}") from error


def period_of(parameters: Parameters, *, written_at: datetime, usual_days: int) -> Period:
    """The days that the report is about.

    Raises:
        Permanent: there is no such time zone, or no such days in the calendar.
    """
    try:
        zone = ZoneInfo(parameters.time_zone)
    except (KeyError, ValueError, OSError):  # not found, not a name at all, a folder
        raise Permanent(
            f"its parameters are wrong: there is no time zone {parameters.time_zone!r} - at `$.timeZone`"
        ) from None
    try:
        period = days_until(parameters.until or written_at, zone, parameters.days or usual_days)
        period.before.before  # noqa: B018 - must exist as well
    except OverflowError:
        raise Permanent(f"its parameters are wrong: {parameters.until} is out of reach - at `$.until`") from None
    return period
