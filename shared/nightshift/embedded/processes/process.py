"""One child process: started with a log file, watched until ready, stopped, killed, paused."""

import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

TETHER = Path(__file__).with_name("die_with_parent.py")

_POLL_SECONDS = 0.02
_QUOTED_LINES = 12
_LARGE_LOG_BYTES = 20_000_000
_PORT_TAKEN = ("address already in use", "cannot be used", "only one usage of each socket address")


class StartFailedError(Exception):
    """A program ended or stayed silent when it should not; the text quotes the end of its log."""


class PortTakenError(StartFailedError):
    """It ended because another program has its port: worth another try on other ports."""


class Process:
    """One run of one program. `name` is for messages; everything it prints is appended to the file `log`.

    Raises:
        StartFailedError: the program or its log file cannot be used.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        try:
            self._log_start = _prepare(log)
            self._popen = _spawn([str(part) for part in command], log, cwd, environment)
        except OSError as error:
            raise StartFailedError(f"{name} cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id (on macOS that of the tether beside it)."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    async def ready(self, probe: Callable[[], Awaitable[bool]], *, timeout_seconds: float = 30) -> None:
        """Return once `probe` answers True; connection errors in it mean "not yet".

        Raises:
            PortTakenError: it ended because its port is in use.
            StartFailedError: it ended for another reason, or is not ready in time (it is killed then).
        """
        deadline = time.monotonic() + timeout_seconds
        while self.exit_code is None:
            with contextlib.suppress(OSError, EOFError):
                if await probe():
                    return
            if time.monotonic() > deadline:
                await self.kill()
                raise self.failure(f"was not ready within {timeout_seconds:g} s")
            await asyncio.sleep(_POLL_SECONDS)
        raise self.failure(f"ended with exit code {self.exit_code} before it was ready")

    async def wait(self, *, timeout_seconds: float = math.inf) -> int | None:
        """Wait for its end; return the exit code, or None if it still runs after that time."""
        deadline = time.monotonic() + timeout_seconds
        while self.exit_code is None and time.monotonic() < deadline:  # noqa: ASYNC110 - an exit sets no event
            await asyncio.sleep(_POLL_SECONDS)
        return self.exit_code

    async def stop(self, *, grace_seconds: float = 10) -> int:
        """Ask it to end (SIGTERM), insist after the grace (SIGKILL); return its exit code."""
        self.signal(signal.SIGTERM)
        self.resume()  # a paused process would not hear it
        code = await self.wait(timeout_seconds=grace_seconds)
        return await self.kill() if code is None else code

    async def kill(self) -> int:
        """End it at once, as a power cut would (SIGKILL); return its exit code."""
        self.signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        while self.exit_code is None:  # noqa: ASYNC110 - an exit sets no event
            await asyncio.sleep(_POLL_SECONDS / 4)
        if self._popen.stdin:
            self._popen.stdin.close()
        return self._popen.returncode

    def pause(self) -> None:
        """Freeze it, and return when it stands still. Not on Windows."""
        if sys.platform != "win32":
            self.signal(signal.SIGSTOP)
        if sys.platform == "linux":  # a signal is on its way for a while, in which the program still answers
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if sys.platform != "win32":
            self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send a signal to it and its own children; one that has ended is left in peace."""
        if self.exit_code is not None:
            return
        if sys.platform == "win32":
            self._popen.send_signal(number)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def output(self) -> str:
        """Return what this run has printed so far."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def failure(self, what: str) -> StartFailedError:
        """Return an error that says what happened and quotes the end of the log."""
        tail = "\n".join(self.output().splitlines()[-_QUOTED_LINES:]) or "(it printed nothing)"
        text = f"{self.name} {what}. The end of its log, {self.log}:\n{tail}"
        taken = self.exit_code is not None and any(sign in tail.lower() for sign in _PORT_TAKEN)
        return PortTakenError(text) if taken else StartFailedError(text)


def _prepare(log: Path) -> int:
    """Put a large log of earlier runs aside, in place of the one put aside before; return where this run begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    size = log.stat().st_size if log.exists() else 0
    if size < _LARGE_LOG_BYTES:
        return size
    log.replace(log.with_name(f"{log.name}.old"))
    return 0


def _spawn(
    command: list[str], log: Path, cwd: Path | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own, so that Ctrl-C reaches us alone and we stop things in order."""
    if sys.platform != "win32":
        command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command]
    watched_by_pipe = sys.platform not in ("linux", "win32")
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - a command of our own
            command,
            stdin=subprocess.PIPE if watched_by_pipe else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            process_group=0 if sys.platform != "win32" else None,
        )
