"""The life of a process: its event loop, the signal that ends it, its exit code."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from nightshift.config.env_settings import SettingsError
from nightshift.observability.log import flush, get_logger
from nightshift.worker.router import IncompleteServiceError

STOPPED, BROKEN, WRONG_SETTINGS, INTERRUPTED = 0, 1, 2, 130
_CANCEL_SECONDS = 2.0
_log = get_logger("lifetime")


def run_until_stopped(serve: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    """Run `serve` with the event that SIGTERM and Ctrl-C set; return the process's exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(_serve(serve))
        except SettingsError as error:
            _log.error("wrong_settings", str(error))
            return WRONG_SETTINGS
        except IncompleteServiceError as error:
            _log.error("incomplete_service", str(error))
            return BROKEN
        except KeyboardInterrupt:
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the log is where an operator looks, not standard error
            _log.exception("process_failed", f"{error}: ending, to be started anew")
            return BROKEN
        finally:
            flush()


async def wait_unless_stopped(awaited: Awaitable[Any], other: asyncio.Event) -> bool:
    """Wait for either; return True if `awaited` was first, raising what it raised; else cancel it and return False."""
    work, waiting = asyncio.ensure_future(awaited), asyncio.ensure_future(other.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            return True
        return False
    finally:
        waiting.cancel()
        work.cancel()
        await asyncio.gather(work, waiting, return_exceptions=True)


async def _serve(serve: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    code = await serve(stop)
    remaining = asyncio.all_tasks() - {asyncio.current_task()}
    for task in remaining:
        task.cancel()
    _, stuck = await asyncio.wait(remaining, timeout=_CANCEL_SECONDS) if remaining else (set(), set())
    if stuck:  # a handler that swallows its cancellation: the loop would wait for it for ever
        _log.error("left_behind", f"{len(stuck)} tasks do not end when they are cancelled: exiting without them")
        flush()
        os._exit(code)
    return code


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it does not exist on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
