"""Sessions, log entries and inbox rows go when they are too old, and no moment earlier."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.maintenance import CleanActivity, CleanInbox, CleanSessions
from nightshift.contract.message import Message
from nightshift.database.tables import crash_marks, processed_messages
from schema.tables import activity_logs, cleanup_runs, sessions, webhook_events
from tests.integration.services.maintenance.harness import DAY, NOW, CleanupHarness, Disturbed, lose_the_machine

SECOND = timedelta(seconds=1)


def _session(name: str, expires_at: datetime) -> dict[str, Any]:
    return {"id": name, "user_id": "user-17", "expires_at": expires_at, "created_at": NOW - 90 * DAY}


def _entry(name: str, created_at: datetime) -> dict[str, Any]:
    return {"id": name, "action": "login", "created_at": created_at}


def _done(name: str, processed_at: datetime) -> dict[str, Any]:
    return {"consumer": "email", "type": "email.send", "id": name, "processed_at": processed_at}


async def _expired(harness: CleanupHarness, count: int) -> None:
    await harness.add_user()
    await harness.add(sessions, *[_session(f"s-{number:03}", NOW - (number + 1) * SECOND) for number in range(count)])


async def test_sessions_go_when_they_have_expired(harness: CleanupHarness) -> None:
    """The moment of expiry itself is not over yet; the age of the session does not matter."""
    await harness.add_user()
    await harness.add(
        sessions,
        _session("live", NOW + DAY),
        _session("just", NOW),
        _session("expired", NOW - timedelta(microseconds=1)),
    )
    await harness.clean(CleanSessions())
    assert await harness.ids(sessions) == ["just", "live"]


async def test_log_entries_go_after_30_days(harness: CleanupHarness) -> None:
    """Whoever did it, and whether that user still exists."""
    await harness.add(activity_logs, _entry("old", NOW - 30 * DAY - SECOND), _entry("new", NOW - 30 * DAY))
    await harness.clean(CleanActivity())
    assert await harness.ids(activity_logs) == ["new"]


async def test_inbox_rows_go_after_60_days(harness: CleanupHarness) -> None:
    """Those of jobs that are done, and crash marks as old."""
    old, new = NOW - 60 * DAY - SECOND, NOW - 60 * DAY
    await harness.add(processed_messages, _done("old", old), _done("new", new))
    mark = {"service": "email", "origin": "EMAIL:1:1", "naks": 0, "started": True, "marked_at": new}
    await harness.add(crash_marks, mark, mark | {"origin": "EMAIL:2:1", "marked_at": old})
    job = await harness.clean(CleanInbox())
    assert await harness.ids(processed_messages) == sorted(["new", job.job_id])
    deleted = (await harness.last_run()).deleted
    assert deleted == {"results": 0, "processed_messages": 1, "crash_marks": 1, "webhook_events": 0, "cleanup_runs": 0}


async def test_records_of_events_go_with_the_inbox(harness: CleanupHarness) -> None:
    """At the same age, by when they were received; until then a replay finds them."""
    row = {"source": "stripe", "type": "invoice.paid", "outcome": "done", "handled_at": NOW}
    old, new = NOW - 60 * DAY - SECOND, NOW - 60 * DAY
    await harness.add(
        webhook_events,
        {**row, "event_id": "evt_old", "received_at": old},
        {**row, "event_id": "evt_new", "received_at": new},
    )
    await harness.clean(CleanInbox())
    async with harness.database.read() as connection:
        left = (await connection.execute(select(webhook_events.c.event_id))).scalars().all()
    assert (left, (await harness.last_run()).deleted["webhook_events"]) == (["evt_new"], 1)


async def test_records_of_cleanups_go_with_the_inbox(harness: CleanupHarness) -> None:
    """At the same age, also those that were cut off; the counts say so."""
    row = {"job_id": "nightly", "kind": "files", "deleted": {}, "kept": {}, "done": False}
    old, new = NOW - 60 * DAY - SECOND, NOW - 60 * DAY
    await harness.add(
        cleanup_runs,
        {**row, "id": "old", "started_at": old, "done": True},
        {**row, "id": "cut-off", "started_at": old - DAY},
        {**row, "id": "new", "started_at": new},
    )
    await harness.clean(CleanInbox())
    (run,) = [run for run in await harness.runs() if run.kind == "inbox"]
    assert await harness.ids(cleanup_runs) == sorted(["new", run.id])
    deleted = {"results": 0, "processed_messages": 0, "crash_marks": 0, "webhook_events": 0, "cleanup_runs": 2}
    assert (run.deleted, run.done) == (deleted, True)
    assert run.kept["cleanup_runs"] == 2


@pytest.mark.parametrize(
    ("message", "table", "row", "age"),
    [
        (CleanSessions(older_than_days=5), sessions, _session, 5),
        (CleanActivity(older_than_days=1), activity_logs, _entry, 30),
        (CleanActivity(older_than_days=365), activity_logs, _entry, 365),
    ],
)
async def test_a_job_may_ask_for_a_greater_age_and_never_for_less_than_the_setting(
    harness: CleanupHarness, message: Message, table: Table, row: Any, age: int
) -> None:
    """What the operator has set is what is kept at least, whoever may publish the job."""
    await harness.add_user()
    await harness.add(table, row("old", NOW - age * DAY - SECOND), row("new", NOW - age * DAY + SECOND))
    await harness.clean(message)
    assert await harness.ids(table) == ["new"]


async def test_no_days_at_all_mean_the_setting(harness: CleanupHarness) -> None:
    """A job that asks for 0 days deletes nothing that the setting keeps."""
    await _expired(harness, 1)
    await harness.clean(CleanSessions(older_than_days=0), cleanup_sessions_days=7)
    assert len(await harness.ids(sessions)) == 1


async def test_the_run_says_what_was_deleted_and_kept(harness: CleanupHarness) -> None:
    """One row with counts and times; numbers for Prometheus."""
    await _expired(harness, 7)
    await harness.add(sessions, _session("live", NOW + DAY))
    await harness.clean(CleanSessions(), "the-job", cleanup_page_rows=3)
    run = await harness.last_run()
    assert (run.job_id, run.kind, run.done) == ("the-job", "sessions", True)
    assert (run.deleted, run.kept) == ({"sessions": 7}, {"sessions": 1})
    assert run.started_at <= run.finished_at
    numbers = {sample.name: sample.value for metric in harness.metrics.collect() for sample in metric.samples}
    assert numbers["nightshift_cleanup_deleted_total"] == 7
    assert numbers["nightshift_cleanup_kept"] == 1
    assert numbers["nightshift_cleanup_last_done_timestamp_seconds"] == pytest.approx(NOW.timestamp())


async def test_nothing_to_delete_is_a_run_too(harness: CleanupHarness) -> None:
    """That it was looked at is worth a row."""
    await harness.clean(CleanActivity())
    run = await harness.last_run()
    assert (run.deleted, run.kept, run.done) == ({"activity_logs": 0}, {"activity_logs": 0}, True)


async def test_more_than_the_time_allows_goes_on_in_successors(harness: CleanupHarness) -> None:
    """Each job does its part under an id of its own; the counts of all of them add up."""
    await _expired(harness, 10)
    ids = await harness.clean_all(CleanSessions(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=4)
    assert ids == ["nightly", "nightly~2", "nightly~3", "nightly~4"]
    assert await harness.ids(sessions) == []
    runs = await harness.runs()
    assert [(run.job_id, run.deleted["sessions"], run.done) for run in runs] == [
        ("nightly", 4, False),
        ("nightly~2", 4, False),
        ("nightly~3", 2, False),
        ("nightly~4", 0, True),
    ]


async def test_the_successor_keeps_the_age_that_was_asked_for(harness: CleanupHarness) -> None:
    """It is the same job, further on."""
    await _expired(harness, 2)
    job = await harness.clean(CleanSessions(older_than_days=0), cleanup_seconds=1e-9, cleanup_page_rows=1)
    assert harness.successor(job) == CleanSessions(older_than_days=0)


async def test_a_run_that_is_cut_off_goes_on_where_it_stopped(harness: CleanupHarness) -> None:
    """Pages that are done stay done, and their counts with them; the next delivery does the rest."""
    await _expired(harness, 10)
    third_page = Disturbed(harness.database, within={4: lose_the_machine})
    result = await harness.perform(CleanSessions(), "nightly", disturbed=third_page, cleanup_page_rows=2)
    assert isinstance(result.exception, ConnectionAbortedError)
    assert len(await harness.ids(sessions)) == 6
    await harness.clean(CleanSessions(), "nightly", cleanup_page_rows=2)
    assert await harness.ids(sessions) == []
    runs = sorted(await harness.runs(), key=lambda run: run.done)
    assert [(run.deleted["sessions"], run.done, run.finished_at is None) for run in runs] == [
        (4, False, True),
        (6, True, False),
    ]


async def test_a_page_that_cannot_be_recorded_is_not_deleted_either(harness: CleanupHarness) -> None:
    """Rows and counts change in one transaction."""
    await _expired(harness, 4)
    first_page = Disturbed(harness.database, within={2: lose_the_machine})
    result = await harness.perform(CleanSessions(), disturbed=first_page)
    assert isinstance(result.exception, ConnectionAbortedError)
    assert len(await harness.ids(sessions)) == 4
    assert (await harness.last_run()).deleted == {"sessions": 0}


async def test_a_session_that_is_prolonged_meanwhile_stays(harness: CleanupHarness) -> None:
    """What is deleted is decided in the transaction that deletes, not when the page was read."""
    await _expired(harness, 3)

    async def prolong(connection: AsyncConnection) -> None:
        await connection.execute(update(sessions).where(sessions.c.id == "s-001").values(expires_at=NOW + DAY))

    await harness.clean(CleanSessions(), disturbed=Disturbed(harness.database, before=prolong))
    assert await harness.ids(sessions) == ["s-001"]
    assert (await harness.last_run()).deleted == {"sessions": 2}
