"""The newsletter's handlers, through the worker's own pipeline: no broker is needed."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from examples.newsletter.contracts import SendIssue
from examples.newsletter.handlers import send_due, send_issue
from nightshift import ScheduleFired
from nightshift.testing import perform_job, temporary_database


async def test_an_event_becomes_one_job_per_reader(tmp_path: Path) -> None:
    """With an id of reader and week, so that a second event of that week adds none."""
    due = datetime(2026, 11, 27, 7, tzinfo=UTC)
    event = ScheduleFired(
        name="newsletter.weekly", schedule="0 8 * * 5", time_zone="Europe/Berlin", due=due, announced=due
    )
    async with temporary_database(tmp_path) as database:
        result = await perform_job(partial(send_due, readers=["ada", "bob"]), event, database=database)
    assert result.outcome == "done"
    assert [job.job_id for job in result.follow_ups] == ["2026-W48-ada", "2026-W48-bob"]


async def test_an_issue_is_delivered(tmp_path: Path) -> None:
    """Once it is written; before that the job waits, and no attempt is counted."""
    send = partial(send_issue, issues=tmp_path, letterbox=tmp_path)
    message = SendIssue(reader="ada", week="2026-W48")
    async with temporary_database(tmp_path) as database:
        assert (await perform_job(send, message, database=database)).outcome == "snooze"
        (tmp_path / "2026-W48.txt").write_text("News.", encoding="utf-8")
        assert (await perform_job(send, message, database=database)).outcome == "done"
    (delivered,) = tmp_path.glob("ada-2026-W48-*.txt")
    assert delivered.read_text(encoding="utf-8") == "Dear ada,\n\nNews."


async def test_an_impossible_reader_is_a_dead_letter(tmp_path: Path) -> None:
    """At the first attempt."""
    send = partial(send_issue, issues=tmp_path, letterbox=tmp_path)
    async with temporary_database(tmp_path) as database:
        result = await perform_job(send, SendIssue(reader="../root", week="2026-W48"), database=database)
    assert result.outcome == "dead"
