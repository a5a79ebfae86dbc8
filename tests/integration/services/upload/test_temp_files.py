"""Temporary files are gone after the job, and after a worker that could not clean up."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from services.upload.temp_files import open_scratch

WORKER = """
import pathlib, sys, time
from services.upload.temp_files import open_scratch
with open_scratch(pathlib.Path(sys.argv[1])) as scratch, scratch.folder() as folder:
    (folder / "source").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def left(parent: Path) -> list[str]:
    """What is in the folder, but for the lock file."""
    return sorted(path.name for path in parent.iterdir() if path.suffix != ".lock")


def test_a_folder_and_all_in_it_is_gone_at_the_end(tmp_path: Path) -> None:
    """Also when the block raises; the worker's own place goes with the worker."""
    with open_scratch(tmp_path) as scratch:
        with suppress(RuntimeError), scratch.folder() as folder:
            (folder / "deeper").mkdir()
            (folder / "deeper" / "file").touch()
            raise RuntimeError
        assert list(scratch.root.iterdir()) == [scratch.root / "life"]
    assert left(tmp_path) == []


def test_what_comes_late_goes_with_the_worker(tmp_path: Path) -> None:
    """A cancelled download may make its folder anew."""
    with open_scratch(tmp_path) as scratch:
        with scratch.folder() as folder:
            pass
        folder.mkdir()
        (folder / "late").touch()
    assert left(tmp_path) == []


def test_two_workers_leave_each_other_alone(tmp_path: Path) -> None:
    """Starting sweeps the dead, not the living."""
    with open_scratch(tmp_path) as one, one.folder() as folder:
        with open_scratch(tmp_path):
            assert folder.exists()
        assert folder.exists()


async def test_the_files_of_a_killed_worker_are_removed_by_the_next(tmp_path: Path) -> None:
    """A worker killed with -9 cleans up nothing: whoever starts next does."""
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert killed.stdout is not None
    folder = Path((await killed.stdout.readline()).decode().strip())
    try:
        with open_scratch(tmp_path):
            assert (folder / "source").exists()
    finally:
        killed.kill()
        await killed.communicate()
    before, after = left(tmp_path), []
    with open_scratch(tmp_path) as scratch:
        after = left(tmp_path)
    assert before == [folder.parent.name]
    assert after == [scratch.root.name]
