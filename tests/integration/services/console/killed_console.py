"""A console that is killed at a step of a redrive: `python -m tests.integration.services.console.killed_console STEP`.

The steps are put around the product's calls; the product has none. A process that kills itself with SIGKILL ends as by
`kill -9`, at a moment that nobody else could hit.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from nightshift.cli.actions import redrive
from nightshift.console.bulk.progress import Progress
from nightshift.console.bulk.store import BulkStore
from nightshift.console.service import run
from nightshift.messaging.audit import Audit

CANARY = 3
"""So many letters does the canary of the tests have."""
LATER = CANARY + 4
"""Amid the others."""
Call = Callable[..., Awaitable[Any]]


def die() -> None:
    """End as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str, *, at: int = 1) -> None:
    """End instead of the `at`-th call."""
    call, count = getattr(owner, name), 0

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == at:
            die()
        return await call(*arguments, **options)

    setattr(owner, name, counted)


def _after(owner: Any, name: str, *, at: int = 1) -> None:
    """End when the `at`-th call has returned."""
    call, count = getattr(owner, name), 0

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        result = await call(*arguments, **options)
        count += 1
        if count == at:
            die()
        return result

    setattr(owner, name, counted)


INTENT = "its intent was recorded"
STEPS: dict[str, Callable[[], None]] = {
    INTENT: lambda: _before(BulkStore, "save"),
    "it was begun": lambda: _after(BulkStore, "save"),
    "a letter of the canary was published": lambda: _before(redrive, "remove"),
    "a letter of the canary was removed": lambda: _after(redrive, "remove"),
    "the canary ran": lambda: _before(Progress, "_outcome"),
    "the canary is done": lambda: _after(Progress, "_outcome"),
    "a later letter was published": lambda: _before(redrive, "remove", at=LATER),
    "a later letter was removed": lambda: _after(redrive, "remove", at=LATER),
    "all were acted on": lambda: _before(Audit, "end"),
    "its end was recorded": lambda: _after(Audit, "end"),
}
"""What is done already when the process ends."""


if __name__ == "__main__":
    STEPS[sys.argv.pop()]()
    sys.exit(run("python -m services.console"))
