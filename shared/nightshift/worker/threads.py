"""Handlers that are plain functions run in threads, as many at a time as the worker has slots.

A thread cannot be ended from outside. A handler that takes longer than it may is given up on: its job is tried again,
and its thread goes on until the function returns. When there are as many such threads as slots, nothing more is pulled.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, cast

from nightshift.messaging.job import Handler, Job
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

COMPONENT = "threads"
_log = get_logger("threads")
PlainHandler = Callable[[Any, Job], None]
_Task = Callable[[], object]


def is_plain(function: Callable[..., Any]) -> bool:
    """Return whether a handler is a plain function, which would block the event loop."""
    return not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__))


def as_handler(function: Handler | PlainHandler, threads: "HandlerThreads") -> Handler:
    """Return an async handler: itself, or one that runs a plain function in a thread."""
    return threads.handler(cast("PlainHandler", function)) if is_plain(function) else cast("Handler", function)


class HandlerThreads:
    """Threads for `size` jobs at a time, started when they are needed, and kept. None outlives the process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads = self._busy = self._abandoned = 0

    def handler(self, function: PlainHandler) -> Handler:
        """Return a handler that runs a plain function in one of the threads, in the context of its caller."""

        async def in_thread(message: Any, job: Job) -> Any:
            return await self._run(function, message, job)

        return in_thread

    async def probe(self) -> None:
        """Find out whether a job could run.

        Raises:
            Unavailable: too many threads are busy with jobs that have run out of time.
        """
        if self._abandoned >= self._size:
            text = (
                f"{self._abandoned} handlers still run in threads after their time: none returns, nothing can stop them"
            )
            raise Unavailable(COMPONENT, text)

    def close(self) -> None:
        """Let those that are idle end."""
        for _ in range(self._threads):
            self._tasks.put(None)

    async def _run(self, function: PlainHandler, message: Any, job: Job) -> Any:
        await self.probe()
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        ended: asyncio.Future[Any] = loop.create_future()

        def task() -> None:
            error: Exception | None = None
            result = None
            try:
                result = context.run(function, message, job)
            except Exception as raised:  # noqa: BLE001 - it is raised where the handler was called
                error = raised
            except BaseException as raised:  # noqa: BLE001 - the end of one job is not the end of the process
                error = RuntimeError(f"the handler raised {type(raised).__name__}")
            with suppress(RuntimeError):  # the loop is closed: the process ends without this one
                loop.call_soon_threadsafe(self._report, ended, result, error)

        self._busy += 1
        if self._busy > self._threads:
            self._start()
        self._tasks.put(task)
        try:
            result = await ended
        except asyncio.CancelledError:
            self._abandoned += 1
            _log.warning(
                "thread_goes_on",
                f"{job.type} {job.id} is given up on, but its handler is a plain function, which nothing can stop: "
                "its thread goes on until it returns",
            )
            raise
        return await result if inspect.isawaitable(result) else result  # an async function in disguise

    def _report(self, ended: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
        self._busy -= 1
        if ended.cancelled():
            self._abandoned -= 1
        elif error is None:
            ended.set_result(result)
        else:
            ended.set_exception(RuntimeError(str(error)) if isinstance(error, StopIteration) else error)

    def _start(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"handler-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task  # it holds the job
