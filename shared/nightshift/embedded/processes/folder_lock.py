"""One stack per folder: a lock that is released when its process ends."""

import os
import sys
from pathlib import Path
from typing import IO


class FolderTakenError(Exception):
    """Another running stack uses the folder; the text says which process."""


class FolderLock:
    """An exclusive lock on a folder. A holder that is killed leaves nothing to clean up."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stack.lock"
        self._held: IO[str] | None = None

    def acquire(self) -> None:
        """Lock the folder, and create it if need be; does nothing if it is locked by this object.

        Raises:
            FolderTakenError: another process holds the lock (not detected on Windows).
        """
        if self._held:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.parent.chmod(0o700)  # jobs, mails, files and keys are nobody else's on this machine
        held = self._file.open("a+")
        if not _lock(held):
            held.seek(0)
            holder = held.read().strip() or "unknown"
            held.close()
            raise FolderTakenError(
                f"a stack is already running in {self._file.parent} (process {holder}): "
                "stop it first, or use another folder"
            )
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        self._held = held

    def release(self) -> None:
        """Unlock the folder."""
        if self._held:
            self._held.close()
            self._held = None


def _lock(file: IO[str]) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - not there on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
