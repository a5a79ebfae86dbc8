"""How long the product waits for things: as in service, or briskly, so that many faults fit into two minutes."""

import importlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from nightshift.backoff import Backoff
from nightshift.runtime.health_checks import Checks
from nightshift.worker.policies import DEFAULT_POLICIES, Policies


@dataclass(frozen=True)
class Pace:
    """Times of a run; `constants` replaces the product's own, by module and name."""

    name: str
    ack_wait_seconds: float
    timeout_seconds: float
    """Of a job; more than the slow ones take."""
    quiet_seconds: float
    """After the last fault, what is left must come to nothing, and get less within this time again and again."""
    policies: Policies = DEFAULT_POLICIES
    """Of the workers."""
    constants: dict[str, Any] = field(default_factory=dict)

    def apply(self) -> None:
        """Sets the constants in this process."""
        for place, value in self.constants.items():
            module, _, name = place.rpartition(".")
            owner = importlib.import_module(module)
            if not hasattr(owner, name):
                raise LookupError(f"there is no {place} to set")
            setattr(owner, name, value)


BRISK = Pace(
    "brisk",
    ack_wait_seconds=4,
    timeout_seconds=3,
    quiet_seconds=75,
    policies=Policies(
        retry=Backoff(base_seconds=0.4),
        not_stored=Backoff(base_seconds=0.4),
        follow_ups=Backoff(base_seconds=0.3, ceiling_seconds=3.0),
        progress_seconds=1.3,
        crash_loop_after=4,
        dead_letter_again=timedelta(seconds=3),
        relay_age=timedelta(seconds=8),
        refused_follow_up=timedelta(seconds=4),
    ),
    constants={
        "nightshift.housekeeping.overdue.OVERDUE": timedelta(seconds=4),
        "nightshift.database.sqlite.BUSY_SECONDS": 2.0,
        "nightshift.runtime.process_frame.Checks": partial(Checks, stalled_after_seconds=3.0),
    },
)
SERVICE = Pace(
    "service",
    ack_wait_seconds=10,
    timeout_seconds=5,
    quiet_seconds=400,
    policies=Policies(progress_seconds=10 / 3),
)
GATEWAY = replace(
    BRISK,
    name="gateway",
    constants=BRISK.constants
    | {
        "services.gateway.files.idempotency.DEAD_AFTER": timedelta(seconds=3),
        "services.gateway.files.receipt._PULSE_SECONDS": 0.5,
    },
)
"""With a key of an upload that has died free again soon."""
PACES = {pace.name: pace for pace in (BRISK, SERVICE, GATEWAY)}
