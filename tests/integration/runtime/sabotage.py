"""A supervisor under which one background task of a process fails or hangs, as the environment says.

SABOTAGE is `<fault>:<name of the task>`, where the fault is `raise`, `end` or `stall`.
"""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from nightshift.heartbeat import Heartbeat
from nightshift.runtime.supervisor import BackgroundLoop, Supervisor

_BEFORE_SECONDS = 0.2
"""The task works for a moment before the fault."""


class Saboteur(Supervisor):
    """Prints the name of every task that it starts."""

    def start(self, name: str, loop: BackgroundLoop) -> asyncio.Task[None]:
        """Start a loop; the one that is meant is cut off in the middle."""
        print(f"loop {name}.", flush=True)  # noqa: T201 - what the test reads
        fault, _, victim = os.environ.get("SABOTAGE", "").partition(":")

        async def sabotaged(heartbeat: Heartbeat) -> None:
            task = asyncio.ensure_future(loop(heartbeat))
            await asyncio.sleep(_BEFORE_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if fault == "raise":
                raise RuntimeError("planted")
            if fault == "stall":
                heartbeat.beat(_BEFORE_SECONDS)
                await asyncio.Event().wait()

        return super().start(name, sabotaged if name == victim else loop)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task; the one that is meant raises instead."""
        print(f"task {name}.", flush=True)  # noqa: T201 - what the test reads

        async def planted() -> None:
            work.close()
            raise RuntimeError("planted")

        return super().spawn(planted() if os.environ.get("SABOTAGE") == f"raise:{name}" else work, name)
