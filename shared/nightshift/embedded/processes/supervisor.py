"""Keep programs running: restart one that has ended, after a delay that grows while it keeps failing."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from nightshift.embedded.own_settings import OWN_SETTINGS
from nightshift.embedded.processes.process import StartFailedError

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
_WRONG_SETTINGS = 2
"""Exit code of a service with wrong settings: a restart does not help."""
_HINT = f"Settings of your own: lines NAME=value in {OWN_SETTINGS} in the project's folder, or --set NAME=VALUE."
_QUOTED_CHARACTERS = 200
_POLL_SECONDS = 0.25


class Run(Protocol):
    """One run of a program."""

    async def wait(self) -> int | None:
        """Wait for its end; return the exit code."""

    def output(self) -> str:
        """Return what it printed."""


class Program(Protocol):
    """A program that can be kept running: a server of the stack, or a service."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def log(self) -> Path:
        """The file that it writes to."""

    @property
    def process(self) -> Run:
        """The current run."""

    async def start(self) -> None:
        """Start it; does nothing while it runs."""

    async def is_ready(self) -> bool:
        """Return whether it can be used."""


def next_delay(previous_seconds: float, lived_seconds: float) -> float:
    """Return the delay in seconds before the next restart, after one of `previous_seconds`.

    It doubles up to a limit while the program keeps failing, and is reset by a healthy run.
    """
    if not previous_seconds or lived_seconds >= _HEALTHY_SECONDS:
        return _FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, _LONGEST_DELAY_SECONDS)


def _last_words(run: Run) -> str:
    """Return the last line it printed, which usually says what is wrong."""
    lines = run.output().split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:_QUOTED_CHARACTERS]})" if last else ""


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


async def keep_running(program: Program, say: Callable[[str], None]) -> None:
    """Start a program, and restart it whenever it ends, until cancelled; cancelling leaves it running."""
    delay = 0.0
    while True:
        started = time.monotonic()
        try:
            await program.start()
            code = await _lived(program, say, again=delay > 0)
            if code == _WRONG_SETTINGS:
                say(f"{program.name} does not start with these settings:\n{program.process.output().strip()}\n{_HINT}")
                return
            what = f"{program.name} {_end(code)}{_last_words(program.process) if code and code > 0 else ''}"
        except (StartFailedError, OSError) as failed:
            what = str(failed).splitlines()[0]
        delay = next_delay(delay, time.monotonic() - started)
        say(f"{what}; it starts again in {delay:g} s. Its log: {program.log}")
        await asyncio.sleep(delay)


async def _lived(program: Program, say: Callable[[str], None], *, again: bool) -> int | None:
    """Wait for a program to end; if it was restarted, say when it is ready."""
    back = asyncio.create_task(_say_when_ready(program, say)) if again else None
    try:
        return await program.process.wait()
    finally:
        if back is not None:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)


async def _say_when_ready(program: Program, say: Callable[[str], None]) -> None:
    while not await program.is_ready():  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(_POLL_SECONDS)
    say(f"{program.name} is back.")
