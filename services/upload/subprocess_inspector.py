"""Run one child process per file, so that a crash, a hang or a lack of memory harms only its own job."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.upload.inspection import (
    ImageLimits,
    Inspection,
    InspectionInterruptedError,
    Request,
    UnreadableFileError,
    from_answer,
)
from services.upload.sanitize import clean

_PROGRAM_ROOT = Path(__file__).parents[2]
_CHILD = (sys.executable, "-P", "-m", "services.upload.inspector")
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_LOG_TAIL_BYTES = 1000
_CHUNK_BYTES = 64 * 1024


class _TooLongError(Exception):
    """A child has answered more than any thumbnail needs."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a child ended: its exit code, its answer, the end of its log."""

    code: int
    answer: bytes
    log: bytes


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
        """Implement `Inspector.inspect`; cancelling kills the child."""
        async with self._free:
            with source.open("rb") as file:
                ending = await self._run(Request(file.fileno(), content_type, self._limits))
        if ending.code != 0:
            raise self._explanation(ending)
        try:
            return from_answer(ending.answer)
        except ValueError as problem:
            raise InspectionInterruptedError(f"the inspecting process left no answer: {clean(problem)}") from problem

    async def _run(self, request: Request) -> _Ending:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            request.to_json(),
            stdin=asyncio.subprocess.PIPE,  # the lifeline: it closes when this process ends, however it ends
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(request.source,),
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is the worker's to answer
        )
        answer, log = asyncio.create_task(_all_of(child.stdout)), asyncio.create_task(_tail_of(child.stderr))
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await asyncio.gather(answer, log)
                return _Ending(await child.wait(), answer.result(), log.result())
        except TimeoutError:
            raise InspectionInterruptedError(
                f"inspecting the file took longer than {self._timeout_seconds:g} s and was stopped: "
                "the machine is overloaded, or the decoder hangs on this file"
            ) from None
        except _TooLongError:
            raise UnreadableFileError("its decoder has answered without end") from None
        finally:
            answer.cancel()
            log.cancel()
            await asyncio.shield(_end(child, answer, log))

    def _explanation(self, ending: _Ending) -> Exception:
        """Tell from a child's exit code whether the file or this attempt is at fault."""
        code = ending.code
        if code == -signal.SIGXCPU:
            return UnreadableFileError(f"reading it takes more than {self._limits.cpu_seconds} s of processor time")
        if code in {-signal.SIGKILL, -signal.SIGTERM}:
            return InspectionInterruptedError(
                "the inspecting process was killed from outside: the machine may lack memory"
            )
        if code < 0:
            return UnreadableFileError(f"its decoder crashed on it ({signal.Signals(-code).name})")
        last_line = (ending.log.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        return InspectionInterruptedError(f"the inspecting process failed with exit code {code}: {clean(last_line)}")


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    data = b""
    while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
        data += chunk
        if len(data) > _MAX_ANSWER_BYTES:
            raise _TooLongError
    return data


async def _tail_of(stream: asyncio.StreamReader | None) -> bytes:
    tail = b""
    while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
        tail = (tail + chunk)[-_LOG_TAIL_BYTES:]
    return tail


async def _end(child: asyncio.subprocess.Process, *readers: asyncio.Task[bytes]) -> None:
    await asyncio.wait(readers)
    if child.returncode is None:
        child.kill()
        # A pipe that nobody empties is never closed, and then the end of the process is not told either.
        await asyncio.gather(child.wait(), _tail_of(child.stdout), _tail_of(child.stderr))
    if child.stdin is not None:
        child.stdin.close()


def _environment() -> dict[str, str]:
    """Return the environment of a child: what imports need, and none of the worker's secrets."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join([str(_PROGRAM_ROOT), *(entry for entry in sys.path if entry)])}
