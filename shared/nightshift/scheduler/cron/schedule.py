"""One schedule: a name, an expression, a time zone, and what happens to due times that were missed."""

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from nightshift.scheduler.cron.cron_expression import Expression, parse

Misfire = Literal["skip", "latest", "all"]
"""`skip` drops what was missed, `latest` makes up for the last due time, `all` for each (the newest 100)."""

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an event is due."""

    name: str
    expression: Expression
    misfire: Misfire
    zone: ZoneInfo = UTC_ZONE

    @property
    def time_zone(self) -> str:
        """Return the IANA name of the zone."""
        return str(self.zone)


def schedule(name: str, expression: str, misfire: Misfire, time_zone: str = "UTC") -> Schedule:
    """Make a schedule from its texts.

    Raises:
        ExpressionError, ZoneInfoNotFoundError: the expression or the zone is wrong.
    """
    return Schedule(name, parse(expression), misfire, ZoneInfo(time_zone))
