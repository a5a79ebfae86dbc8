"""Cleanups of a database of realistic size: exactly what is due goes, and memory stays that of a page."""

import tracemalloc

import pytest
from sqlalchemy import ColumnElement, Table, func, select

from contracts.maintenance import CleanActivity, CleanFiles, CleanInbox, CleanSessions
from nightshift.contract.message import Message
from nightshift.database.tables import processed_messages
from schema.tables import activity_logs, files, sessions
from tests.integration.services.maintenance.harness import DAY, NOW, CleanupHarness

MEMORY_BYTES = 2 << 20
"""A page takes a quarter of it; the keys of all the old log entries six times as much."""
FILES_MEMORY_BYTES = 8 << 20
"""Requests to the object store take most of it, hundreds side by side."""


async def _count(harness: CleanupHarness, table: Table, *conditions: ColumnElement[bool]) -> int:
    async with harness.database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(table).where(*conditions))).scalar_one()


@pytest.mark.parametrize(
    ("message", "table", "old"),
    [
        (CleanSessions(), sessions, sessions.c.expires_at < NOW),
        (CleanActivity(), activity_logs, activity_logs.c.created_at < NOW - 30 * DAY),
        (CleanInbox(), processed_messages, processed_messages.c.processed_at < NOW - 60 * DAY),
    ],
    ids=["sessions", "activity", "inbox"],
)
async def test_exactly_what_is_too_old_goes(
    seeded: CleanupHarness, message: Message, table: Table, old: ColumnElement[bool]
) -> None:
    """Thousands of rows: the counts of the run are those of the table."""
    name = str(table.name)
    due, stays = await _count(seeded, table, old), await _count(seeded, table, ~old)
    assert due > 1_000
    assert stays > 1_000
    tracemalloc.start()
    await seeded.clean(message, name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert await _count(seeded, table, old) == 0
    assert await _count(seeded, table, table.c.id != name) == stays
    (run,) = [run for run in await seeded.runs() if run.job_id == name]
    assert (run.deleted[name], run.kept[name]) == (due, stays)
    assert peak < MEMORY_BYTES


async def test_orphaned_files_go_and_owned_ones_stay(seeded: CleanupHarness) -> None:
    """Every file with an owner is there afterwards, but for uploads that never completed."""
    pending = (files.c.status == "pending", files.c.user_id.is_not(None), files.c.created_at < NOW - 7 * DAY)
    abandoned, ownerless = await _count(seeded, files, *pending), await _count(seeded, files, files.c.user_id.is_(None))
    stays = await _count(seeded, files) - abandoned - ownerless
    assert min(abandoned, ownerless) > 100
    orphaned = await _some_keys(seeded, files.c.user_id.is_(None))
    owned = await _some_keys(seeded, files.c.user_id.is_not(None), files.c.status == "processed")
    await seeded.put(*orphaned, *owned, "uploads/no-row")
    tracemalloc.start()
    await seeded.clean(CleanFiles(), "files")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert await _count(seeded, files) == await _count(seeded, files, files.c.user_id.is_not(None)) == stays
    assert await seeded.keys() == sorted(owned)
    (run,) = [run for run in await seeded.runs() if run.job_id == "files"]
    assert {what: count for what, count in run.deleted.items() if count} == {
        "files_without_owner": ownerless,
        "uploads_never_completed": abandoned,
        "objects_without_row": 1,
    }
    assert run.kept["files_with_owner"] == stays
    assert peak < FILES_MEMORY_BYTES


async def _some_keys(harness: CleanupHarness, *conditions: ColumnElement[bool]) -> list[str]:
    async with harness.database.read() as connection:
        query = select(files.c.object_key).where(*conditions).limit(20)
        return list((await connection.execute(query)).scalars())
