"""Logging of a process: our records, the libraries', one line per job and one per request, all through one output."""

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any, TextIO

from nightshift.config.settings import LogFormat, LogLevel
from nightshift.observability.job_log import JobEnds, JobLines
from nightshift.observability.log_format import ROOT, fields_of, json_line, text_line
from nightshift.observability.request_log import RequestLines

__all__ = ["Logger", "configure", "flush", "get_logger", "job_lines", "request_line"]

_FIRST_FAULT = 500
"""HTTP statuses from here on say that the server is to blame."""


class Logger:
    """Logs what happened twice: as an event name for machines, and as a sentence for people."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{name}")

    def debug(self, event: str, message: str, /, **fields: Any) -> None:
        """Log what only helps to find a fault."""
        self._log(logging.DEBUG, event, message, fields)

    def info(self, event: str, message: str, /, **fields: Any) -> None:
        """Log what an operator may want to know."""
        self._log(logging.INFO, event, message, fields)

    def warning(self, event: str, message: str, /, **fields: Any) -> None:
        """Log what is wrong but is being dealt with."""
        self._log(logging.WARNING, event, message, fields)

    def error(self, event: str, message: str, /, **fields: Any) -> None:
        """Log what somebody has to look at; an expected exception goes into a field (`error=…`)."""
        self._log(logging.ERROR, event, message, fields)

    def exception(self, event: str, message: str, /, **fields: Any) -> None:
        """Log the unexpected exception that is being handled, with its traceback."""
        self._log(logging.ERROR, event, message, fields, with_traceback=True)

    def _log(
        self, level: int, event: str, message: str, fields: dict[str, Any], *, with_traceback: bool = False
    ) -> None:
        if self._logger.isEnabledFor(level):
            extra = {"event": event, "fields": fields}
            self._logger.log(level, message, extra=extra, exc_info=with_traceback, stacklevel=3)


class _Output(logging.Handler):
    """Writes records and job lines to one stream, in the order in which they were logged."""

    def __init__(self, service: str, stream: TextIO, *, coloured: bool | None) -> None:
        super().__init__()
        self._service = service
        self._stream = stream
        self._binary = getattr(stream, "buffer", None)
        self._coloured = coloured
        self._writing = threading.Lock()
        self.logs_successes = True
        self.job_lines = JobLines(service, self.write, coloured=coloured)
        self.request_lines = RequestLines(service, self.write, coloured=coloured)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the lines of jobs and requests that were logged before it."""
        self.flush_lines()
        try:
            line = fields_of(record, self._service)
            self.write(json_line(line) if self._coloured is None else text_line(line, coloured=self._coloured))
        except Exception:  # noqa: BLE001 - logging must not break what it reports on
            self.handleError(record)

    def flush_lines(self) -> None:
        """Write the lines that are still collected."""
        self.job_lines.flush()
        self.request_lines.flush()

    def write(self, data: bytes) -> None:
        """Write whole lines; a stream that is closed or broken swallows them."""
        with self._writing, contextlib.suppress(OSError, ValueError):
            if self._binary is not None:
                self._binary.write(data)
            else:
                self._stream.write(data.decode())
            self._stream.flush()


_output: _Output | None = None


def configure(
    service: str,
    format: LogFormat = "auto",  # noqa: A002 - the setting's name
    level: LogLevel = "info",
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Send all logging of the process to `stream` (standard output if none is given); may be called again.

    `auto` writes text on a terminal and JSON elsewhere; colours only on a terminal, and not if `NO_COLOR` is set.
    Libraries log warnings and errors only, whatever the level.
    """
    global _output  # noqa: PLW0603 - logging belongs to the process, as the standard library's does
    stream = stream or sys.stdout
    environ = os.environ if environ is None else environ
    terminal = stream.isatty()
    coloured = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    as_text = format == "text" or (format == "auto" and terminal)
    output = _Output(service, stream, coloured=coloured if as_text else None)
    output.logs_successes = level in {"debug", "info"}
    root = logging.getLogger()
    if _output is not None:
        flush()
        root.removeHandler(_output)
    else:
        atexit.register(flush)
    root.addHandler(output)
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())
    _output = output


def get_logger(name: str) -> Logger:
    """Return the logger of a part of the process (`get_logger("worker")`); needs no `configure` first."""
    return Logger(name)


def job_lines(ends: JobEnds) -> None:
    """Log the ends of deliveries: the one line of each, written at the end of the event loop's iteration.

    It is a warning if the end is no success, else information.
    """
    if _output is not None and (ends.error is not None or _output.logs_successes):
        _output.job_lines.extend(ends)


def request_line(
    *,
    method: str,
    route: str,
    status: int,
    bytes_in: int,
    bytes_out: int,
    duration_ms: float,
    key: str,
    request_id: str,
) -> None:
    """Log the end of an HTTP request: the one line per request, written at the end of the event loop's iteration.

    `route` is the template of its path, and never the path; `key` the id of the key that it came with. It is a warning
    if the status says that the server is to blame, else information.
    """
    if _output is not None and (status >= _FIRST_FAULT or _output.logs_successes):
        _output.request_lines.add(
            method=method,
            route=route,
            status=status,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            duration_ms=duration_ms,
            key=key,
            request_id=request_id,
        )


def flush() -> None:
    """Write the lines that are still collected; also done at exit and before any other record."""
    if _output is not None:
        _output.flush_lines()
