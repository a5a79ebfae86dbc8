"""What waits for a job's commit is called once what the job wants has happened, and never without it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift import Job, Permanent, Skip
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.testing import perform_job, temporary_database


class Ping(Message):
    """A message of the tests."""

    SUBJECT = "jobs.test.ping"


async def _refuse_to_commit(_: object) -> None:
    raise RuntimeError("no commit")


async def _perform(database: Database, notice: Callable[[], None], *, ends: Exception | str = "done") -> str:
    """Run the job `one`, whose handler ends so; return its outcome."""

    async def handler(_: Message, job: Job) -> None:
        job.after_commit(notice)
        if isinstance(ends, Exception):
            raise ends
        if ends == "fails at its commit":
            job.run_in_transaction(_refuse_to_commit)

    return (await perform_job(handler, Ping(), database=database, job_id="one", service="test")).outcome


async def test_a_job_that_is_committed_is_noted_once(tmp_path: Path) -> None:
    """A second delivery finds it done, and notes nothing."""
    noted: list[str] = []
    async with temporary_database(tmp_path) as database:
        assert await _perform(database, lambda: noted.append("done")) == "done"
        assert await _perform(database, lambda: noted.append("again")) == "duplicate"
    assert noted == ["done"]


async def test_a_delivery_that_was_slower_than_another_notes_nothing(tmp_path: Path) -> None:
    """The other one has committed the job while it ran."""
    noted: list[str] = []
    async with temporary_database(tmp_path) as database:

        async def handler(_: Message, job: Job) -> None:
            job.after_commit(lambda: noted.append("slower"))
            assert await _perform(database, lambda: noted.append("faster")) == "done"

        result = await perform_job(handler, Ping(), database=database, job_id="one", service="test")
        assert result.outcome == "duplicate"
    assert noted == ["faster"]


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        (ValueError("a bug"), "retry"),
        (Permanent("no"), "dead"),
        (Skip("nothing"), "skipped"),
        ("fails at its commit", "retry"),
    ],
    ids=["fails", "dead", "skipped", "not committed"],
)
async def test_what_is_not_committed_is_not_noted(tmp_path: Path, ends: Exception | str, outcome: str) -> None:
    """Whatever kept its effects from happening."""
    noted: list[str] = []
    async with temporary_database(tmp_path) as database:
        assert await _perform(database, lambda: noted.append("done"), ends=ends) == outcome
    assert noted == []


async def test_a_note_that_fails_changes_no_verdict(tmp_path: Path) -> None:
    """What has happened cannot fail any more."""

    def fail() -> None:
        raise LookupError("no such counter")

    async with temporary_database(tmp_path) as database:
        assert await _perform(database, fail) == "done"
