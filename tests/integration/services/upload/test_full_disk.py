"""A full disk for temporary files is the machine's fault: jobs wait, no attempt is counted, the worker is not ready."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from contracts.upload import ProcessUpload
from nightshift.outcomes import Unavailable
from nightshift.testing import FakeObjectStore, perform_job, route_of, temporary_database
from schema.tables import files, users
from services.upload.service import upload
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import open_scratch
from tests.integration.services.upload.test_process_upload import SETTINGS

JOB = ProcessUpload(file_id="a", user_id="ada")
SAMPLE = Path("demo/samples/chelsea.jpg").read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight mebibytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or not _run("mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)):
        pytest.skip("only root can mount a small file system, and not in every container")
    try:
        yield folder
    finally:
        assert _run("umount", "-l", str(folder))


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words


def _fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as opened:
        while opened.write(bytes(1 << 16)):
            pass


async def test_uploads_wait_for_room_on_the_disk(small_disk: Path, tmp_path: Path) -> None:
    """Full for a while: the good file is not given up on, and is processed when there is room again."""
    inspector = SubprocessInspector(SETTINGS.limits, timeout_seconds=60, processes=1)
    objects, name = FakeObjectStore(), uuid4().hex
    await objects.put("uploads/a", SAMPLE, "image/jpeg")
    async with temporary_database(tmp_path) as database:
        async with database.write() as connection:
            await connection.execute(insert(users), {"id": "ada", "email": "ada@example.com"})
            row = {"id": "a", "user_id": "ada", "object_key": "uploads/a", "original_name": "a", "status": "uploaded"}
            await connection.execute(insert(files), row)
        with open_scratch(small_disk) as scratch:
            given = {"database": database, "objects": objects, "inspector": inspector, "scratch": scratch}
            route = route_of(upload, ProcessUpload, settings=SETTINGS, **given)
            await scratch.probe()
            filler = small_disk / "filler"
            _fill(filler)

            result = await perform_job(route, JOB, database=database, objects=objects, job_id=name)
            assert result.outcome == "unavailable"
            assert f"{small_disk} (SCRATCH_FOLDER): No space left on device" in str(result.verdict)
            with pytest.raises(Unavailable, match="No space left"):
                await scratch.probe()

            filler.unlink()
            await scratch.probe()
            result = await perform_job(route, JOB, database=database, objects=objects, job_id=name)
            assert result.outcome == "done"
        async with database.read() as connection:
            assert (await connection.execute(select(files.c.status))).scalar_one() == "processed"
