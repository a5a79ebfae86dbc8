"""How long a worker waits for what; what tests and other deployments may want otherwise is passed in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightshift.backoff import Backoff, Retries
from nightshift.instants import utc_now
from nightshift.messaging.outbox import REFUSED_DELAY, RELAY_AGE
from nightshift.topology.consumer import PROGRESS_SECONDS


@dataclass(slots=True, frozen=True)
class JobLimits:
    """A process's limits for its handlers."""

    max_retries: int | None = None
    """Retries of every type, instead of what its contract says."""
    timeout_seconds: float = 900.0

    def attempts(self, retries: Retries) -> int:
        """Return how often a job of a type with this policy is tried."""
        return retries.most if self.max_retries is None else self.max_retries + 1


@dataclass(slots=True, frozen=True)
class Policies:
    """The waits of a worker, and the clock that it reads."""

    retry: Backoff | None = None
    """After a failed attempt of any type, instead of the waits in its contract: for tests."""
    not_stored: Backoff = field(default_factory=Backoff)
    """After something could not be stored."""
    follow_ups: Backoff = field(default_factory=lambda: Backoff(ceiling_seconds=15.0))
    """Between two tries to publish the follow-up jobs of a committed job, which holds a slot meanwhile."""
    relay_age: timedelta = RELAY_AGE
    """A younger follow-up is left to its own worker."""
    refused_follow_up: timedelta = REFUSED_DELAY
    """A follow-up whose queue is full waits so long on `later.`."""
    dead_letter_again: timedelta = timedelta(minutes=1)
    """When a dead-letter stream has refused, somebody has to make room: the job asks again after this."""
    outage_seconds: tuple[float, float] = (2.0, 10.0)
    """A job that met an outage runs again after a random time between these."""
    first_probe_seconds: float = 0.5
    last_probe_seconds: float = 15.0
    """What is unavailable is probed after the first, then ever more rarely, at last every so many seconds."""
    probe_seconds: float = 60.0
    """For one probe: one that hangs must not keep the circuit open for ever."""
    pull_expires_seconds: float = 30.0
    """How long the broker keeps a request for jobs open."""
    pull_heartbeat_seconds: float = 5.0
    """How often the broker says meanwhile that it still knows the request."""
    tick_seconds: float = 1.0
    progress_seconds: float = PROGRESS_SECONDS
    """How often a worker tells the broker that a job is still in flight."""
    settling_seconds: float = 5.0
    """After the grace period of a drain: for what has only to be released."""
    crash_loop_after: int = 10
    """Deliveries of a job of which nobody reported the end: the last of them is marked, and beyond it the job is given
    up on if nobody reported the end of that one either."""
    now: Callable[[], datetime] = utc_now

    @property
    def pull_silence_seconds(self) -> float:
        """After so long without a message or a heartbeat a request is gone: the broker forgets it on a restart."""
        return 2.5 * self.pull_heartbeat_seconds


DEFAULT_POLICIES = Policies()
