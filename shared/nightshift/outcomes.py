"""What a handler may say besides returning: the closed set of outcomes."""

from datetime import timedelta


class Permanent(Exception):  # noqa: N818 - an outcome, not an error of the program
    """Trying again cannot help: the job becomes a dead letter at once, with this text as its reason."""


class Snooze(Exception):  # noqa: N818 - an outcome
    """Not yet: the job runs again after `delay` and no attempt is counted (rate limits, "not ready")."""

    def __init__(self, delay: timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = delay


class Skip(Exception):  # noqa: N818 - an outcome
    """There is nothing to do any more: the job counts as done, without effects."""


class Unavailable(Exception):  # noqa: N818 - an outcome
    """Our own database, object store or broker is away: the job waits, no attempt is counted, pulling pauses."""

    def __init__(self, component: str, reason: str) -> None:
        super().__init__(f"{component} is unavailable: {reason}")
        self.component = component
