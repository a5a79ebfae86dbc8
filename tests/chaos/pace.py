"""How long the product waits for things: as in service, or briskly, so that many faults fit into two minutes."""

import importlib
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from shared.checks import Checks


@dataclass(frozen=True)
class Pace:
    """Times of a run; `constants` replaces the product's own, by module and name."""

    name: str
    ack_wait_seconds: float
    timeout_seconds: float
    """Of a job; more than the slow ones take."""
    quiet_seconds: float
    """After the last fault, what is left must come to nothing, and get less within this time again and again."""
    constants: dict[str, Any] = field(default_factory=dict)

    def apply(self) -> None:
        """Sets the constants in this process."""
        for place, value in self.constants.items():
            module, _, name = place.rpartition(".")
            setattr(importlib.import_module(module), name, value)


BRISK = Pace(
    "brisk",
    ack_wait_seconds=4,
    timeout_seconds=3,
    quiet_seconds=75,
    constants={
        "shared.worker.PROGRESS_SECONDS": 1.3,
        "shared.backoff.BASE_SECONDS": 0.4,
        "shared.pipeline.CRASH_LOOP": 4,
        "shared.settle._DEAD_LETTER_AGAIN": timedelta(seconds=3),
        "shared.sweep.OVERDUE": timedelta(seconds=4),
        "shared.chores.SWEEP_SECONDS": 4.0,
        "shared.chores.SWEEP_AFTER_REFUSAL_SECONDS": 4.0,
        "shared.chores.RELAY_SECONDS": 5.0,
        "shared.outbox.RELAY_AGE": timedelta(seconds=8),
        "shared.outbox._REFUSED_DELAY": timedelta(seconds=4),
        "shared.database.sqlite.BUSY_SECONDS": 2.0,
        "shared.service.Checks": partial(Checks, stalled_after_seconds=3.0),
    },
)
SERVICE = Pace(
    "service",
    ack_wait_seconds=10,
    timeout_seconds=5,
    quiet_seconds=400,
    constants={"shared.worker.PROGRESS_SECONDS": 10 / 3},
)
PACES = {pace.name: pace for pace in (BRISK, SERVICE)}
