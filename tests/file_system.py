"""A file system of a test's own, which can be filled."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_KIBIBYTE = 1024


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    """A folder that any user may enter, with so much room (`40m`); the test is skipped where nobody may mount."""
    folder = Path(tempfile.mkdtemp(prefix="nightshift-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    try:
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 - our own
            pytest.skip("only root may mount a file system, and not in every container")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - found on PATH
    finally:
        shutil.rmtree(folder)


def fill(folder: Path) -> Path:
    """Takes all the room there is; returns the file that does, for `os.truncate`."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(64 * _KIBIBYTE))
    except OSError:
        return filler
