"""Print what a command was asked for: in full, or say in one line that it cannot be written."""

import io
import os
import sys
from contextlib import suppress

UNWRITABLE = 74
"""The exit code (`EX_IOERR` of sysexits.h)."""


def say(text: str) -> None:
    """Print a command's output; a reader who has seen enough is no error.

    Raises:
        SystemExit: it cannot be written; standard error says why.
    """
    try:
        print(text, flush=True)  # noqa: T201 - what this is for
    except OSError as error:
        if code := give_up(error):
            raise SystemExit(code) from None


def fault() -> OSError | None:
    """Return why what was printed so far cannot be written; None if it was."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return getattr(sys.stdout, "fault", None)


def give_up(error: OSError) -> int:
    """Drop what cannot be written, and say why; return the exit code, 0 if it is the reader who has gone."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0
    sys.stderr.write(f"the output cannot be written: {error.strerror or error}\n")
    return UNWRITABLE


class _Remembering(io.TextIOWrapper):
    """A standard output that knows later on what could not be written: without a buffer, nothing else does."""

    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write as ever."""
        try:
            return super().write(text)
        except OSError as error:
            self.fault = error
            raise

    def flush(self) -> None:
        """Flush as ever."""
        try:
            super().flush()
        except OSError as error:
            self.fault = error
            raise


def prepare() -> None:
    """Have `fault` know of all that is printed from now on; a closed standard output (`>&-`) takes everything."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for as long as the process lives
    elif isinstance(sys.stdout, io.TextIOWrapper):
        old = sys.stdout
        encoding, errors, by_line, at_once = old.encoding, old.errors, old.line_buffering, old.write_through
        sys.stdout = _Remembering(old.detach(), encoding, errors, line_buffering=by_line, write_through=at_once)
