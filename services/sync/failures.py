"""How often an account has failed in a row, and what follows: growing pauses, and in the end no more tries. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

REFUSALS = 4
"""So many refusals in a row revoke an account. Each is a pause after the one before, so they span five hours."""
PATIENCE = timedelta(days=30)
"""An account that has failed for so long is switched off."""
LONGEST_PAUSE = timedelta(days=2)
_FIRST_PAUSE, _GROWTH = timedelta(minutes=15), 4
_FAILURES = 10
"""An account is not switched off before: one that is synced once a month may fail twice."""


class Ending(NamedTuple):
    """What an account's row says when it is not tried any more."""

    status: str
    reason: str


REVOKED = Ending("revoked", "the account has to be linked again")
SWITCHED_OFF = Ending("disabled", f"the account is switched off, because it failed for {PATIENCE.days} days")


@dataclass(frozen=True, slots=True)
class Failures:
    """Consecutive failures of an account, as its row has them; `refusals` are the last ones, if they were refusals."""

    failures: int = 0
    refusals: int = 0
    first_failed_at: datetime | None = None
    retry_at: datetime | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether it is more than an accident that the next attempts of the same job may mend."""
        return self.failures > 1

    def ending(self, now: datetime) -> Ending | None:
        """Return how the account ends, if this was its last failure."""
        if self.refusals >= REFUSALS:
            return REVOKED
        lasts = now - (self.first_failed_at or now)
        return SWITCHED_OFF if self.failures >= _FAILURES and lasts >= PATIENCE else None

    def pause(self, now: datetime) -> timedelta:
        """Return how long the account waits for its next try."""
        return max((self.retry_at or now) - now, timedelta(seconds=1))


def count_failure(before: Failures, now: datetime, *, refused: bool) -> Failures:
    """Count a failure. One that comes before the pause has passed is part of the last one, and not counted."""
    if before.retry_at is not None and now < before.retry_at <= now + LONGEST_PAUSE:
        return before
    pause = min(_FIRST_PAUSE * _GROWTH ** min(before.failures, 9), LONGEST_PAUSE)
    refusals = before.refusals + 1 if refused else 0
    return Failures(before.failures + 1, refusals, before.first_failed_at or now, now + pause)
