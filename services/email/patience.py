"""How long a mail waits for a server that takes it later: a budget of its own, beside the attempts of its job."""

import random
from dataclasses import dataclass
from datetime import timedelta

_LONGEST_DOUBLING = 20
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """The waits double from `first` to `longest`; after `give_up` the server's last word is final.

    Never shorter than the rule says, because a greylist counts from the first try; up to a tenth longer, so that mails
    that were put off together do not come back together.
    """

    first: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=1)
    give_up: timedelta = timedelta(hours=48)

    def wait(self, tries: int) -> timedelta:
        """Return how long to wait after the server has put the mail off `tries` times."""
        doubled: timedelta = self.first * 2 ** min(max(tries, 1) - 1, _LONGEST_DOUBLING)
        spread: float = 1 + random.uniform(0, _SPREAD)  # noqa: S311 - no secret
        return max(self.first, min(doubled, self.longest)) * spread
