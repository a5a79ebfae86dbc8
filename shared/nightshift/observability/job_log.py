"""The one log line per job: collected during an iteration of the event loop, then encoded and written at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from nightshift.config.redaction import may_hold_secret
from nightshift.observability.log_format import json_line, text_line, timestamp, unbroken
from nightshift.observability.sanitize import clean_fields, clean_text

_MAX_LINES = 1_000
"""With so many lines, they are written without waiting for the end of the iteration."""

_LONGEST_ID = 200
"""Characters of a job type or id that are shown; anybody can type longer ones."""


class JobLine(msgspec.Struct, omit_defaults=True):
    """One job's line, in the order of its fields."""

    timestamp: str
    level: str
    service: str
    event: str
    type: str
    job_id: str
    attempt: int
    duration_ms: float
    outcome: str
    success: bool
    error: str | None = None
    trace_id: str | None = None


class JobLines:
    """Collects job lines and writes them together; `add` is called tens of thousands of times a second."""

    def __init__(self, service: str, write: Callable[[bytes], None], *, coloured: bool | None) -> None:
        """Write JSON if `coloured` is None, else text lines with or without colours."""
        self._service = service
        self._write = write
        self._coloured = coloured
        self._lines: list[JobLine] = []
        self._encoder = msgspec.json.Encoder()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._millisecond = 0
        self._timestamp = ""

    def add(  # noqa: PLR0917 - keywords would cost a third of the call; its one caller has them
        self,
        job_type: str,
        job_id: str,
        attempt: int,
        duration_ms: float,
        outcome: str,
        success: bool,  # noqa: FBT001 - passed on by `nightshift.observability.log.job_line`, where it has its name
        error: str | None,
        trace_id: str | None,
    ) -> None:
        """Add a line, to be written at the end of the loop's iteration, or at once if no loop runs."""
        self._lines.append(
            JobLine(
                self._now(),
                "info" if success else "warning",
                self._service,
                "job",
                job_type if len(job_type) <= _LONGEST_ID else job_type[:_LONGEST_ID] + "…",
                job_id if len(job_id) <= _LONGEST_ID else job_id[:_LONGEST_ID] + "…",
                attempt,
                round(duration_ms, 3),
                outcome,
                success,
                None if error is None else clean_text(error),
                trace_id,
            )
        )
        if len(self._lines) >= _MAX_LINES:
            self.flush()
        elif self._loop is None or self._loop.is_closed():
            self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the collected lines; safe in any thread."""
        lines = self._lines[:]
        del self._lines[: len(lines)]  # an append by the loop's thread in between stays for the next time
        self._loop = None
        if lines:
            self._write(self._encoded(lines))

    def _now(self) -> str:
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._timestamp = timestamp(millisecond / 1_000)
        return self._timestamp

    def _encoded(self, lines: list[JobLine]) -> bytes:
        if self._coloured is not None:
            return b"".join(text_line(_for_people(line), coloured=self._coloured) for line in lines)
        try:
            encoded = self._encoder.encode_lines(lines)
        except (TypeError, UnicodeEncodeError):  # a header of a broken message: look at each value
            return b"".join(json_line(_cleaned(line)) for line in lines)
        if may_hold_secret(_typed_by_others(lines)):
            return b"".join(json_line(_cleaned(line)) for line in lines)
        return unbroken(encoded)


def _typed_by_others(lines: list[JobLine]) -> str:
    """Return all that came off the wire as one text: to search it costs a tenth of searching the whole lines."""
    return "\n".join([*{line.type for line in lines}, *[f"{line.job_id} {line.trace_id}" for line in lines]])


def _cleaned(line: JobLine) -> dict[str, Any]:
    values = {name: value for name, value in msgspec.structs.asdict(line).items() if value is not None}
    return clean_fields(values)


def _for_people(line: JobLine) -> dict[str, Any]:
    values = _cleaned(line)
    values["message"] = f"{values['type']} {values['outcome']} in {values['duration_ms']:.1f} ms"
    return {name: value for name, value in values.items() if name not in {"type", "outcome", "duration_ms", "success"}}
