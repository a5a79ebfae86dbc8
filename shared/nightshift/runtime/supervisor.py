"""Supervision of a process's background tasks: none may end or stall unnoticed.

One that ends stops the process with an exit code that tells the orchestrator to start it anew; one that stalls is named
by `/healthz`, to the same effect.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from nightshift.broker import Connection
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.process import BROKEN, STOPPED

BackgroundLoop = Callable[[Heartbeat], Coroutine[Any, Any, None]]
"""Runs until it is cancelled, and beats."""

_CANCEL_SECONDS = 2.0
"""For a loop to end; the process does not wait for one that swallows its cancellation."""
_log = get_logger("supervisor")


class Supervisor:
    """Runs the background tasks of a process; the first that fails sets `stop`, on which the process ends.

    Loops are cancelled when `stack` unwinds, so before what was opened earlier is closed.
    """

    def __init__(self, stop: asyncio.Event, checks: Checks, stack: AsyncExitStack) -> None:
        self._stop, self._checks, self._stack = stop, checks, stack
        self.failed = False

    @property
    def exit_code(self) -> int:
        """The exit code of a process that has stopped: 1 if a background task has failed, else 0."""
        return BROKEN if self.failed else STOPPED

    def start(self, name: str, loop: BackgroundLoop) -> asyncio.Task[None]:
        """Start a loop, which must not end before `stop` is set, or before it is cancelled."""
        heartbeat = self._checks.heartbeat(name)
        task = asyncio.create_task(loop(heartbeat), name=name)
        task.add_done_callback(self._loop_ended)

        async def end() -> None:
            task.remove_done_callback(self._loop_ended)
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
            heartbeat.beat()

        self._stack.push_async_callback(end)
        return task

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task that may end, or be cancelled by whoever started it, but must not raise."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._task_ended)
        return task

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        try:
            task.result()
        except BaseException:  # noqa: BLE001 - also a cancellation, which was none of ours
            self._fail(task)
        else:
            if not self._stop.is_set():
                self._fail(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._loop_ended(task)

    def _fail(self, task: asyncio.Task[None]) -> None:
        _log.exception(
            "background_failed", f"The background task '{task.get_name()}' has ended: ending, to be started anew"
        )
        self.failed = True
        self._stop.set()


async def until_lost(connection: Connection) -> None:
    """Return when the connection is gone for good, which ends the process."""
    await connection.closed.wait()
    _log.error("connection_closed", "The connection to the broker is gone for good: ending, to be started anew")
