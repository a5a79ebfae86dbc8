"""How many dead letters wait at the broker: the port, and what a report keeps of the answer."""

from datetime import datetime
from typing import Protocol

import msgspec


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The dead-letter queues at one moment, kept on the report's row: a repeated run shows the same."""

    seen_at: datetime
    waiting: dict[str, int]
    """By the type of the job that was given up on; types without any are left out."""
    ever: dict[str, int]
    """By stream, how many there have been in all, also those that have been worked off since."""

    @property
    def total(self) -> int:
        """How many wait."""
        return sum(self.waiting.values())

    def added_since(self, earlier: "DeadLetters") -> int:
        """How many came between the two moments, also those that no longer wait.

        A stream counts lower than before only when it was made anew: then all that it has had are new.
        """
        differences = ((now, now - earlier.ever.get(stream, 0)) for stream, now in self.ever.items())
        return sum(now if difference < 0 else difference for now, difference in differences)


class DeadLetterCounts(Protocol):
    """Counts dead letters without reading them: they hold the bodies of other services' jobs."""

    async def look(self, now: datetime) -> DeadLetters:
        """Counts what waits now.

        Raises:
            Unavailable: the broker is away.
            Permanent: the broker does not let this service ask.
        """
