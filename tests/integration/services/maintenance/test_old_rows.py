"""Sessions, log entries and inbox rows go when they are too old, and no moment earlier."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.maintenance import CleanActivity, CleanInbox, CleanSessions
from nightshift.contract.message import Message
from nightshift.database.tables import processed_messages
from nightshift.housekeeping.tally import Counts
from nightshift.messaging.job import Job
from schema.tables import activity_logs, cleanup_runs, sessions
from services.maintenance.cleanup_runs import CleanupRun
from tests.integration.services.maintenance.desk import DAY, NOW, Desk

SECOND = timedelta(seconds=1)


def _session(name: str, expires_at: datetime) -> dict[str, Any]:
    return {"id": name, "user_id": "user-17", "expires_at": expires_at, "created_at": NOW - 90 * DAY}


def _entry(name: str, created_at: datetime) -> dict[str, Any]:
    return {"id": name, "action": "login", "created_at": created_at}


def _done(name: str, processed_at: datetime, job_type: str = "email.send") -> dict[str, Any]:
    return {"consumer": "email", "type": job_type, "id": name, "processed_at": processed_at}


async def _expired(desk: Desk, count: int) -> None:
    await desk.add_user()
    await desk.add(sessions, *[_session(f"s-{number:03}", NOW - (number + 1) * SECOND) for number in range(count)])


async def test_sessions_go_when_they_have_expired(desk: Desk) -> None:
    """The moment of expiry itself is not over yet; the age of the session does not matter."""
    await desk.add_user()
    await desk.add(
        sessions,
        _session("live", NOW + DAY),
        _session("just", NOW),
        _session("expired", NOW - timedelta(microseconds=1)),
    )
    await desk.clean(CleanSessions())
    assert await desk.ids(sessions) == ["just", "live"]


async def test_log_entries_go_after_30_days(desk: Desk) -> None:
    """Whoever did it, and whether that user still exists."""
    await desk.add(activity_logs, _entry("old", NOW - 30 * DAY - SECOND), _entry("new", NOW - 30 * DAY))
    await desk.clean(CleanActivity())
    assert await desk.ids(activity_logs) == ["new"]


async def test_inbox_rows_go_after_60_days(desk: Desk) -> None:
    """Those of jobs, and those by which workers take turns at sweeping."""
    old, new = NOW - 60 * DAY - SECOND, NOW - 60 * DAY
    await desk.add(
        processed_messages,
        _done("old", old),
        _done("new", new),
        _done("slot", old, "sweep"),
        _done("slot-2", new, "sweep"),
    )
    job = await desk.clean(CleanInbox())
    assert await desk.ids(processed_messages) == sorted(["new", "slot-2", job.key])


async def test_records_of_cleanups_go_with_the_inbox(desk: Desk) -> None:
    """At the same age, also those that were cut off; the counts say so."""
    row = {"job_id": "nightly", "kind": "files", "deleted": {}, "kept": {}, "done": False}
    old, new = NOW - 60 * DAY - SECOND, NOW - 60 * DAY
    await desk.add(
        cleanup_runs,
        {**row, "id": "old", "started_at": old, "done": True},
        {**row, "id": "cut-off", "started_at": old - DAY},
        {**row, "id": "new", "started_at": new},
    )
    await desk.clean(CleanInbox())
    (run,) = [run for run in await desk.runs() if run.kind == "inbox"]
    assert await desk.ids(cleanup_runs) == sorted(["new", run.id])
    assert (run.deleted, run.done) == ({"processed_messages": 0, "crash_marks": 0, "cleanup_runs": 2}, True)
    assert run.kept["cleanup_runs"] == 2


@pytest.mark.parametrize(
    ("message", "table", "row", "age"),
    [
        (CleanSessions(older_than_days=5), sessions, _session, 5),
        (CleanActivity(older_than_days=1), activity_logs, _entry, 1),
        (CleanActivity(older_than_days=365), activity_logs, _entry, 365),
    ],
)
async def test_a_job_may_ask_for_another_age(desk: Desk, message: Message, table: Table, row: Any, age: int) -> None:
    """The message comes before the setting."""
    await desk.add_user()
    await desk.add(table, row("old", NOW - age * DAY - SECOND), row("new", NOW - age * DAY + SECOND))
    await desk.clean(message)
    assert await desk.ids(table) == ["new"]


async def test_no_days_at_all_is_an_age_too(desk: Desk) -> None:
    """A job that asks for 0 days does not mean the setting."""
    await _expired(desk, 1)
    await desk.clean(CleanSessions(older_than_days=0), cleanup_sessions_days=7)
    assert await desk.ids(sessions) == []


async def test_the_run_says_what_was_deleted_and_kept(desk: Desk) -> None:
    """One row with counts and times; numbers for Prometheus."""
    await _expired(desk, 7)
    await desk.add(sessions, _session("live", NOW + DAY))
    await desk.clean(CleanSessions(), "the-job", cleanup_page_rows=3)
    run = await desk.last_run()
    assert (run.job_id, run.kind, run.done) == ("the-job", "sessions", True)
    assert (run.deleted, run.kept) == ({"sessions": 7}, {"sessions": 1})
    assert run.started_at <= run.finished_at
    numbers = {sample.name: sample.value for metric in desk.metrics.collect() for sample in metric.samples}
    assert numbers["nightshift_cleanup_deleted_total"] == 7
    assert numbers["nightshift_cleanup_kept"] == 1
    assert numbers["nightshift_cleanup_last_done_timestamp_seconds"] == pytest.approx(NOW.timestamp())


async def test_nothing_to_delete_is_a_run_too(desk: Desk) -> None:
    """That it was looked at is worth a row."""
    await desk.clean(CleanActivity())
    run = await desk.last_run()
    assert (run.deleted, run.kept, run.done) == ({"activity_logs": 0}, {"activity_logs": 0}, True)


async def test_more_than_the_time_allows_goes_on_in_successors(desk: Desk) -> None:
    """Each job does its part under an id of its own; the counts of all of them add up."""
    await _expired(desk, 10)
    ids = await desk.clean_all(CleanSessions(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=4)
    assert ids == ["nightly", "nightly~2", "nightly~3", "nightly~4"]
    assert await desk.ids(sessions) == []
    runs = await desk.runs()
    assert [(run.job_id, run.deleted["sessions"], run.done) for run in runs] == [
        ("nightly", 4, False),
        ("nightly~2", 4, False),
        ("nightly~3", 2, False),
        ("nightly~4", 0, True),
    ]


async def test_the_successor_keeps_the_age_that_was_asked_for(desk: Desk) -> None:
    """It is the same job, further on."""
    await _expired(desk, 2)
    job = await desk.clean(CleanSessions(older_than_days=0), cleanup_seconds=1e-9, cleanup_page_rows=1)
    assert job.follow_ups[0].message == CleanSessions(older_than_days=0)


async def test_a_run_that_is_cut_off_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are done stay done, and their counts with them; the next delivery does the rest."""
    await _expired(desk, 10)
    pages = _cut_off_at(monkeypatch, page=3)
    job = Job("maintenance", "maintenance.sessions", "nightly", "nightly")
    with pytest.raises(ConnectionAbortedError):
        await desk.handle(CleanSessions(), job, cleanup_page_rows=2)
    assert (pages, len(await desk.ids(sessions))) == ([2, 2], 6)
    monkeypatch.undo()
    await desk.clean(CleanSessions(), "nightly", cleanup_page_rows=2)
    assert await desk.ids(sessions) == []
    runs = sorted(await desk.runs(), key=lambda run: run.done)
    assert [(run.deleted["sessions"], run.done, run.finished_at is None) for run in runs] == [
        (4, False, True),
        (6, True, False),
    ]


async def test_a_page_that_cannot_be_noted_is_not_deleted_either(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and counts change in one transaction."""
    await _expired(desk, 4)

    async def page(run: CleanupRun, write: Any) -> None:
        async with run.database.write() as connection:
            await write(connection)
            raise ConnectionAbortedError

    monkeypatch.setattr(CleanupRun, "delete", page)
    with pytest.raises(ConnectionAbortedError):
        await desk.handle(CleanSessions(), Job("maintenance", "maintenance.sessions", "a", "a"))
    assert len(await desk.ids(sessions)) == 4
    assert (await desk.last_run()).deleted == {"sessions": 0}


async def test_a_session_that_is_prolonged_meanwhile_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted is decided in the transaction that deletes, not when the page was read."""
    await _expired(desk, 3)
    original = CleanupRun.delete

    async def page(run: CleanupRun, write: Any) -> None:
        async with run.database.write() as connection:
            await connection.execute(update(sessions).where(sessions.c.id == "s-001").values(expires_at=NOW + DAY))
        await original(run, write)

    monkeypatch.setattr(CleanupRun, "delete", page)
    await desk.clean(CleanSessions())
    assert await desk.ids(sessions) == ["s-001"]
    assert (await desk.last_run()).deleted == {"sessions": 2}


def _cut_off_at(monkeypatch: pytest.MonkeyPatch, *, page: int) -> Sequence[int]:
    """Makes the run end in its n-th page as a lost machine would; returns the counts of the pages before it."""
    original, counted = CleanupRun.delete, list[int]()

    async def cut_off(run: CleanupRun, write: Any) -> None:
        async def watched(connection: AsyncConnection) -> Counts:
            counts: Counts = await write(connection)
            if len(counted) + 1 == page:
                raise ConnectionAbortedError
            counted.append(counts["sessions"])
            return counts

        await original(run, watched)

    monkeypatch.setattr(CleanupRun, "delete", cut_off)
    return counted
