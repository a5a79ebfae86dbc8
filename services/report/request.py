"""What a kind of report is given to work with."""

from dataclasses import dataclass

from services.report.period import Period
from services.report.queries.dead_letters import DeadLetters


@dataclass(slots=True, frozen=True)
class Order:
    """About which days; how many rows its sheet may have; what was seen at the broker, now and a week before."""

    period: Period
    sheet_rows: int
    dead_letters: DeadLetters | None = None
    earlier_dead_letters: DeadLetters | None = None

    @property
    def compared_with(self) -> str:
        """The stretch before, in words."""
        days = len(self.period.days)
        return "the day before" if days == 1 else f"the {days} days before"
