"""A handler commits its effects in a transaction of its own, and records there that the job is done."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from contracts.email import SendEmail
from nightshift import Job, record_done
from nightshift.database import Database
from nightshift.testing import JobResult, perform_job, temporary_database

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="Hi")
Work = Callable[[sqlite3.Connection, Job], None]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with a table of the application's."""
    async with temporary_database(tmp_path) as opened:
        with closing(sqlite3.connect(tmp_path / "nightshift.db")) as connection:
            connection.execute("CREATE TABLE charged (invoice TEXT)")
        yield opened


async def perform(database: Database, folder: Path, work: Work) -> JobResult:
    """Run a handler that works by the plain driver, as Django's ORM or a synchronous session does."""

    async def charge(_message: SendEmail, job: Job) -> None:
        with closing(sqlite3.connect(folder / "nightshift.db")) as connection, connection:
            work(connection, job)

    return await perform_job(charge, MAIL, database=database, job_id="invoice-17")


def charged(folder: Path) -> list[tuple[str]]:
    """What the handler has left."""
    with closing(sqlite3.connect(folder / "nightshift.db")) as connection:
        return connection.execute("SELECT invoice FROM charged").fetchall()


def _charge(connection: sqlite3.Connection, job: Job) -> None:
    record_done(connection, job)
    connection.execute("INSERT INTO charged VALUES ('17')")


def _charge_before(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute("INSERT INTO charged VALUES ('17')")
    record_done(connection, job)


def _rolled_back(connection: sqlite3.Connection, job: Job) -> None:
    _charge(connection, job)
    connection.rollback()


async def test_effects_happen_once_however_often_the_job_comes(database: Database, tmp_path: Path) -> None:
    """The first delivery is done, the second a duplicate that does not even run."""
    outcomes = [(await perform(database, tmp_path, _charge)).outcome for _ in range(2)]

    assert outcomes == ["done", "duplicate"]
    assert charged(tmp_path) == [("17",)]


async def test_a_worker_that_was_slower_takes_its_effects_back(database: Database, tmp_path: Path) -> None:
    """Another one has committed the job while this one was at work: the row is found, and all is rolled back."""

    def overtaken(connection: sqlite3.Connection, job: Job) -> None:
        with closing(sqlite3.connect(tmp_path / "nightshift.db")) as other, other:
            _charge(other, Job(service=job.service, type=job.type, id=job.id, key=job.key))
        _charge_before(connection, job)

    assert (await perform(database, tmp_path, overtaken)).outcome == "duplicate"
    assert charged(tmp_path) == [("17",)]


async def test_a_transaction_that_was_not_committed_is_found_out(database: Database, tmp_path: Path) -> None:
    """The job is tried again, and says which transaction."""
    result = await perform(database, tmp_path, _rolled_back)

    assert result.outcome == "retry"
    assert "record_done was not committed" in str(result.verdict)
    assert (await perform(database, tmp_path, _charge)).outcome == "done"
    assert charged(tmp_path) == [("17",)]


@pytest.mark.parametrize("method", ["write", "enqueue", "run_in_transaction"])
async def test_effects_for_the_workers_commit_come_too_late(database: Database, tmp_path: Path, method: str) -> None:
    """They would be lost: the handler's transaction is rolled back, and the job is tried again."""

    def too_late(connection: sqlite3.Connection, job: Job) -> None:
        _charge(connection, job)
        getattr(job, method)(MAIL)

    result = await perform(database, tmp_path, too_late)

    assert (result.outcome, charged(tmp_path)) == ("retry", [])
    assert f"job.{method} comes too late after record_done" in str(result.exception)
