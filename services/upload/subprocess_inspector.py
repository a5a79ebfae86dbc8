"""Run one child process per file, so that a crash, a hang or a lack of memory harms only its own job."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.upload.inspection import ImageLimits, Inspection, InspectionInterruptedError, Request, UnreadableFileError
from services.upload.sanitize import clean

_PROGRAM_ROOT = Path(__file__).parents[2]
_CHILD = (sys.executable, "-P", "-m", "services.upload.inspect_main")
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_MAX_REPORT_BYTES = 64 * 1024
_LOG_TAIL_BYTES = 1000


class SubprocessInspector:
    """An `Inspector` whose decoders run in child processes.

    Args:
        limits: the limits of one child.
        timeout_seconds: a child that takes longer is killed.
        processes: the number of children at the same time.
        command: the child's program, for tests.
    """

    def __init__(
        self, limits: ImageLimits, *, timeout_seconds: float, processes: int, command: Sequence[str] = _CHILD
    ) -> None:
        self._limits = limits
        self._timeout_seconds = timeout_seconds
        self._free = asyncio.Semaphore(processes)
        self._command = tuple(command)

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """See `Inspector.inspect`; cancelling kills the child."""
        request = Request(source, content_type, source.parent, self._limits)
        async with self._free:
            code = await self._run(request)
        if code != 0:
            raise _explanation(code, request)
        return _read(request)

    async def _run(self, request: Request) -> int:
        log = request.folder / "child.log"
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                request.to_json(),
                stdin=asyncio.subprocess.PIPE,  # the lifeline: it closes when this process ends, however it ends
                stdout=output,
                stderr=output,
                cwd=request.folder,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is the worker's to answer
            )
        try:
            return await asyncio.wait_for(child.wait(), self._timeout_seconds)
        except TimeoutError:
            raise InspectionInterruptedError(
                f"inspecting the file took longer than {self._timeout_seconds:g} s and was stopped: "
                "the machine is overloaded, or the decoder hangs on this file"
            ) from None
        finally:
            await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.kill()
        await asyncio.shield(child.wait())
    if child.stdin is not None:
        child.stdin.close()


def _environment() -> dict[str, str]:
    """Return the environment of a child: what imports need, and none of the worker's secrets."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join([str(_PROGRAM_ROOT), *(entry for entry in sys.path if entry)])}


def _explanation(code: int, request: Request) -> Exception:
    """Tell from a child's exit code whether the file or this attempt is at fault."""
    if code == -signal.SIGXCPU:
        return UnreadableFileError(f"reading it takes more than {request.limits.cpu_seconds} s of processor time")
    if code in {-signal.SIGKILL, -signal.SIGTERM}:
        return InspectionInterruptedError("the inspecting process was killed from outside: the machine may lack memory")
    if code < 0:
        return UnreadableFileError(f"its decoder crashed on it ({signal.Signals(-code).name})")
    tail = (request.folder / "child.log").read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    last_line = (tail.strip().splitlines() or ["no output"])[-1]
    return InspectionInterruptedError(f"the inspecting process failed with exit code {code}: {clean(last_line)}")


def _read(request: Request) -> Inspection:
    try:
        with request.report.open("rb") as file:
            report: Any = json.loads(file.read(_MAX_REPORT_BYTES))
    except (OSError, ValueError, RecursionError) as problem:
        raise InspectionInterruptedError(f"the inspecting process left no report: {clean(problem)}") from problem
    if isinstance(report, dict) and "unreadable" in report:
        raise UnreadableFileError(str(report["unreadable"]))
    metadata = report.get("metadata") if isinstance(report, dict) else None
    if not isinstance(metadata, dict):
        raise InspectionInterruptedError("the inspecting process left a malformed report")
    return Inspection(metadata, request.thumbnail if request.thumbnail.exists() else None)
