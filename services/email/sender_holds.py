"""Senders that a provider makes wait: until a pause is over it is not asked again, and then by one mail first."""

import random
import time
from collections.abc import Callable
from datetime import timedelta

from services.email.mailer import Held

EVERYBODY = ""
"""The key of a hold on everything that we send."""
_PROBE_SECONDS = 60.0
"""After a pause one mail is sent to see whether it is over; the others wait so long for its outcome."""
_FORGET_SECONDS = 3600.0
_SPREAD = 0.1
"""Mails that wait for the end of a pause come back within this part of it, so not all at once."""


class SenderHolds:
    """The senders that are held back now, each with the provider's words; in the memory of this process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._holds: dict[str, tuple[float, str]] = {}

    def enter(self, sender: str) -> None:
        """Let a mail of this sender pass, unless it is held back.

        Raises:
            Held: it is; with the rest of the pause and the reason for it.
        """
        for key in (EVERYBODY, sender):
            if key in self._holds:
                self._enter(key)

    def hold(self, outcome: Held) -> None:
        """Hold a sender back for as long as an outcome says; forget those who have sent nothing since their pause."""
        now = self._clock()
        self._holds = {key: held for key, held in self._holds.items() if now - held[0] < _FORGET_SECONDS}
        self._holds[outcome.sender] = (now + outcome.delay.total_seconds(), str(outcome))

    def release(self, sender: str) -> None:
        """End all pauses that concern a sender: the provider has taken a mail of it."""
        self._holds.pop(EVERYBODY, None)
        self._holds.pop(sender, None)

    def check(self) -> None:
        """Find out whether anybody is held back.

        Raises:
            Held: somebody is; it names every sender, and the provider's words.
        """
        now = self._clock()
        waiting = [
            f"{key or 'all mail'} is held back for {max(0, until - now):.0f} s more: {reason}"
            for key, (until, reason) in self._holds.items()
        ]
        if waiting:
            longest = max(until for until, _ in self._holds.values())
            raise Held(timedelta(seconds=max(0.0, longest - now)), "; ".join(waiting))

    def _enter(self, key: str) -> None:
        until, reason = self._holds[key]
        wait = until - self._clock()
        if wait <= 0:
            self._holds[key] = (self._clock() + _PROBE_SECONDS, reason)
            return
        wait += random.uniform(0, _SPREAD) * wait + 1  # noqa: S311 - no secret
        raise Held(timedelta(seconds=wait), f"{key or 'all mail'} is held back: {reason}", sender=key)
