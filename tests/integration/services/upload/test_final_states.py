"""However a job ends, its file's row reaches a final state: the owner never waits for ever."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from contracts.upload import ProcessUpload
from nightshift.database import Database
from nightshift.testing import FakeObjectStore, JobResult, perform_job, route_of, temporary_database
from nightshift.worker.policies import JobLimits
from nightshift.worker.verdict import DeadLetter
from schema.tables import files, users
from services.upload.inspection import Inspection, InspectionInterruptedError, Inspector
from services.upload.service import upload
from services.upload.temp_files import open_scratch
from tests.integration.services.upload.test_process_upload import SETTINGS

PNG = b"\x89PNG\r\n\x1a\n"
MESSAGE = ProcessUpload(file_id="file-1", user_id="user-17")
LIMITS = JobLimits(max_retries=3, timeout_seconds=0.5)
LAST = 4


class Interrupted:
    """An inspector whose process is killed each time."""

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """Fail as an inspection does whose process was killed."""
        del source
        raise InspectionInterruptedError(f"the inspection of a {content_type} was killed")


class Hanging:
    """An inspector that neither returns nor fails."""

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """Wait until cancelled."""
        del source, content_type
        await asyncio.Event().wait()
        raise AssertionError


async def _perform(
    database: Database, folder: Path, inspector: Inspector, data: bytes | None, *, attempt: int
) -> JobResult:
    objects = FakeObjectStore()
    if data is not None:
        await objects.put("uploads/1", data, "image/png")
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": "user-17", "email": "sam@example.com"})
        row = {"id": "file-1", "user_id": "user-17", "object_key": "uploads/1", "original_name": "cat.png"}
        await connection.execute(insert(files), row | {"status": "uploaded"})
    with open_scratch(folder / "scratch") as scratch:
        given = {"database": database, "objects": objects, "inspector": inspector, "scratch": scratch}
        route = route_of(upload, ProcessUpload, settings=SETTINGS, **given)
        return await perform_job(route, MESSAGE, database=database, objects=objects, attempt=attempt, limits=LIMITS)


async def _row(database: Database) -> Any:
    async with database.read() as connection:
        return (await connection.execute(select(files).where(files.c.id == "file-1"))).one()


@pytest.mark.parametrize(
    ("inspector", "data", "reason"),
    [
        (Interrupted(), PNG, "the inspection of a image/png was killed"),
        (Interrupted(), None, "there is no object 'uploads/1'"),
        (Hanging(), PNG, "took longer than 0.5 s"),
    ],
    ids=["inspection interrupted", "object never there", "timeout"],
)
async def test_a_file_whose_last_attempt_failed_is_failed(
    inspector: Inspector, data: bytes | None, reason: str, tmp_path: Path
) -> None:
    """The row says `failed` and why, in the words of the dead letter."""
    async with temporary_database(tmp_path) as database:
        result = await _perform(database, tmp_path, inspector, data, attempt=LAST)
        row = await _row(database)
    assert isinstance(result.verdict, DeadLetter)
    assert (row.status, row.processed) == ("failed", False)
    assert row.error == result.verdict.error
    assert reason in row.error


async def test_a_file_that_will_be_tried_again_is_not_failed_yet(tmp_path: Path) -> None:
    """Only the last attempt decides."""
    async with temporary_database(tmp_path) as database:
        result = await _perform(database, tmp_path, Interrupted(), PNG, attempt=LAST - 1)
        row = await _row(database)
    assert (result.outcome, row.status, row.error) == ("retry", "uploaded", None)
