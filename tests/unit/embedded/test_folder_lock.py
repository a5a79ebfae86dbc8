"""One stack per folder."""

import os
from pathlib import Path

import pytest

from nightshift.embedded.processes.folder_lock import FolderLock, FolderTakenError


def test_a_folder_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    """The second claim is refused with the holder's process, until the first is given up."""
    first, second = FolderLock(tmp_path / "new folder"), FolderLock(tmp_path / "new folder")
    first.acquire()
    first.acquire()
    with pytest.raises(FolderTakenError, match=rf"already running in .*new folder \(process {os.getpid()}\)"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
