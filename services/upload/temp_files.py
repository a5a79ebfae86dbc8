"""Temporary folders that leave nothing behind: neither after a job, nor after a worker that was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class Scratch:
    """One worker's place for temporary files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Gives a new empty folder, removed with all that is in it at the end of the block."""
        path = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield path
        finally:
            # A download that was cancelled may still be writing here: what it leaves goes with the root.
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def open_scratch(parent: Path) -> Iterator[Scratch]:
    """Makes a worker's place under `parent`, removed at the end, and removes those of workers that are dead.

    A lock that dies with its holder says which worker lives: process ids repeat, in containers always.
    """
    prefix = f"nightshift-upload-{os.getuid()}"
    parent.mkdir(parents=True, exist_ok=True)
    with _open(parent / f"{prefix}.lock") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # between a folder's making and its locking nobody may sweep
        for old in parent.glob(f"{prefix}-*"):
            _remove_if_dead(old)
        root = Path(tempfile.mkdtemp(dir=parent, prefix=f"{prefix}-"))
        life = _open(root / "life")
        fcntl.flock(life, fcntl.LOCK_EX)
    try:
        yield Scratch(root)
    finally:
        life.close()
        shutil.rmtree(root, ignore_errors=True)


def _remove_if_dead(folder: Path) -> None:
    try:
        with _open(folder / "life") as life:
            fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # its worker lives, or it is gone already
        return


def _open(path: Path) -> IO[bytes]:
    # Not through a link: the folder may be one that everybody writes to.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
