"""What could not be recorded in the stream AUDIT when it was done: a file, a line each, until it can be."""

import os
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from nightshift.contract.audit import AuditEntry, read_entry

_NAME = "unrecorded-actions.jsonl"


class AuditBacklog:
    """Kept for its owner only; several processes may share it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def keep(self, entry: AuditEntry) -> None:
        """Write an entry to the disk.

        Raises:
            OSError: it cannot be written.
        """
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked() as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    async def hand_over(self, store: Callable[[AuditEntry], Awaitable[None]]) -> int:
        """Record what is kept, the oldest first, and take it out of the file; return how many.

        What makes no sense stays in the file. What `store` raises ends it; what is not yet recorded stays. Two
        processes at once may record an entry twice: it has one id.

        Raises:
            OSError: the file cannot be read or written.
        """
        if not self.file.exists() or not self.file.stat().st_size:
            return 0
        with self._locked() as file:
            lines = _lines(file)
        done = set[bytes]()
        try:
            for line in lines:
                if (entry := read_entry(line)) is not None:
                    await store(msgspec.structs.replace(entry, late=True))
                    done.add(line)
        finally:
            if done:
                self._take_out(done)
        return len(done)

    def _take_out(self, done: Container[bytes]) -> None:
        with self._locked() as file:
            left = [line for line in _lines(file) if line not in done]
            file.truncate(0)
            file.write(b"".join(left))

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the file to read and to append; it is held for a moment only."""
        import fcntl  # noqa: PLC0415 - not there on Windows

        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _lines(file: BinaryIO) -> list[bytes]:
    file.seek(0)
    return file.read().splitlines(keepends=True)


def usual_file(environ: Mapping[str, str]) -> Path:
    """Return the file in a person's own folder of state (XDG Base Directory Specification)."""
    given = environ.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return folder / "nightshift" / _NAME
