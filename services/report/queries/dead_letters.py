"""Counts of dead letters: the port, and the counts that a report keeps on its row."""

from datetime import datetime
from typing import Protocol

import msgspec


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The dead-letter queues at one moment; kept on the report's row, so that a repeated run shows the same."""

    seen_at: datetime
    waiting: dict[str, int]
    """Dead letters by job type; types without any are left out."""
    ever: dict[str, int]
    """Dead letters that each stream has ever received, including those that were redriven or removed since."""

    @property
    def total(self) -> int:
        """Return how many are waiting."""
        return sum(self.waiting.values())

    def added_since(self, earlier: "DeadLetters") -> int:
        """Return how many arrived between the two moments, including those that are no longer waiting.

        A stream's count is lower than before only if the stream was recreated; then all of its count is new.
        """
        differences = ((now, now - earlier.ever.get(stream, 0)) for stream, now in self.ever.items())
        return sum(now if difference < 0 else difference for now, difference in differences)


class DeadLetterCounts(Protocol):
    """Counts dead letters without reading them, because they hold the bodies of other services' jobs."""

    async def count(self, now: datetime) -> DeadLetters:
        """Count what is waiting now.

        Raises:
            Unavailable: the broker is unavailable.
            Permanent: this service lacks the permission to ask.
        """
