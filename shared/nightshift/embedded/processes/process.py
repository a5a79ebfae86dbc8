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

LAUNCHER = Path(__file__).with_name("die_with_parent.py")

_POLL_SECONDS = 0.02
_FREEZE_SECONDS = 5.0
_QUOTED_LINES = 12
_LARGE_LOG_BYTES = 20_000_000
_PORT_TAKEN = (
    "address already in use",
    "cannot be used",
    "is taken by another program",
    "only one usage of each socket address",
)


class StartFailedError(Exception):
    """A program ended, or did not answer in time; the text quotes the end of its log."""


class PortTakenError(StartFailedError):
    """It ended because another program uses its port: try other ports."""


class Process:
    """One run of one program. `name` is used in messages; its output is appended to the file `log`.

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
        """Its process id (on macOS, that of the launcher beside it)."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
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
        """Ask it to end (SIGTERM), and kill it (SIGKILL) after the grace; return its exit code."""
        self.signal(signal.SIGTERM)
        self.resume()  # a paused process does not get the signal
        code = await self.wait(timeout_seconds=grace_seconds)
        return await self.kill() if code is None else code

    async def kill(self) -> int:
        """Kill it (SIGKILL); return its exit code."""
        self.signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        while self.exit_code is None:  # noqa: ASYNC110 - an exit sets no event
            await asyncio.sleep(_POLL_SECONDS / 4)
        if self._popen.stdin:
            self._popen.stdin.close()
        return self._popen.returncode

    def pause(self) -> None:
        """Freeze it (SIGSTOP), and return when it is frozen. Not on Windows."""
        if sys.platform != "win32":
            self.signal(signal.SIGSTOP)
        if sys.platform == "linux":  # until the signal has arrived, the program still answers
            _wait_until_stopped(self.pid)

    def resume(self) -> None:
        """Continue it after `pause`."""
        if sys.platform != "win32":
            self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send a signal to it and its children; does nothing if it has ended."""
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


if sys.platform == "linux":

    def _wait_until_stopped(pid: int) -> None:
        """Wait for some seconds at most: a thread amid a system call that cannot be interrupted keeps it from that."""
        deadline = time.monotonic() + _FREEZE_SECONDS
        change = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
        with contextlib.suppress(ChildProcessError):
            while os.waitid(os.P_PID, pid, change) is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS / 20)


def _prepare(log: Path) -> int:
    """Rotate a large log of earlier runs; return the offset at which this run begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    size = log.stat().st_size if log.exists() else 0
    if size < _LARGE_LOG_BYTES:
        return size
    log.replace(log.with_name(f"{log.name}.old"))
    return 0


def _spawn(
    command: list[str], log: Path, cwd: Path | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own: Ctrl-C reaches only us, and we stop everything in order."""
    if sys.platform != "win32":
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *command]
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
