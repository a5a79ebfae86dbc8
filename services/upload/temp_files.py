"""Temporary folders that are removed after each job, and after a worker that was killed."""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nightshift import Unavailable

COMPONENT = "scratch"
_ROOM_BYTES = 1 << 20
_FAULTS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),  # the disk
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),  # what all processes share
    }
)


class Scratch:
    """One worker's folder for temporary files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Provide a new empty folder; remove it with its contents at the end of the block.

        Raises:
            Unavailable: something inside met a full or broken disk, or a machine that has no more of something. That is
                no file's fault.
        """
        with self._machine_faults():
            path = Path(tempfile.mkdtemp(dir=self.root))
            try:
                yield path
            finally:
                # A cancelled download may still be writing here: what it leaves is removed with the root.
                shutil.rmtree(path, ignore_errors=True)

    async def probe(self) -> None:
        """Check that there is room for a file.

        Raises:
            Unavailable: there is none; the text says where.
        """
        await asyncio.to_thread(self._write)

    def _write(self) -> None:
        with self._machine_faults(), tempfile.TemporaryFile(dir=self.root) as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()

    @contextmanager
    def _machine_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _FAULTS:
                raise
            where = f"the folder for temporary files {self.root.parent} (SCRATCH_FOLDER)"
            raise Unavailable(COMPONENT, f"{where}: {error.strerror}") from error


@contextmanager
def open_scratch(parent: Path) -> Iterator[Scratch]:
    """Make a worker's folder under `parent`, removed at the end, and remove those of dead workers.

    A file lock, released when its holder dies, tells which worker is alive: process ids repeat, above all in
    containers.
    """
    prefix = f"nightshift-upload-{os.getuid()}"
    parent.mkdir(parents=True, exist_ok=True)
    with _open(parent / f"{prefix}.lock") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # nobody may clean up between a folder's creation and its locking
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
    except OSError:  # its worker is alive, or it is gone already
        return


def _open(path: Path) -> IO[bytes]:
    # Not through a link: the folder may be one that everybody writes to.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
