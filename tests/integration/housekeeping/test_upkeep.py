"""Upkeep of inbox and claim checks, as any team's own service can call it: in pages, to go on where it stopped."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from nightshift.database import Database
from nightshift.database.tables import crash_marks, processed_messages
from nightshift.housekeeping.expired_claims import delete_expired_claims
from nightshift.housekeeping.inbox_retention import delete_old_inbox_rows
from nightshift.housekeeping.tally import Tally
from nightshift.messaging.paging import TimeLimit
from nightshift.testing import FakeObjectStore, temporary_database

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with all tables."""
    async with temporary_database(tmp_path) as opened:
        yield opened


async def _add(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    async with database.write() as connection:
        await connection.execute(insert(table), rows)


async def _ids(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(select(processed_messages.c.id))).scalars())


def _done(name: str, at: datetime) -> dict[str, Any]:
    return {"consumer": "email", "type": "email.send", "id": name, "processed_at": at}


async def test_inbox_rows_and_crash_marks_go_at_one_age(database: Database) -> None:
    """A mark is needed as long as its message can come again, and never longer than the inbox's rows."""
    await _add(database, processed_messages, _done("old", NOW - SECOND), _done("new", NOW))
    mark = {"service": "email", "naks": 1, "started": False}
    marks = [mark | {"origin": f"EMAIL:{age}:1", "marked_at": NOW - age * SECOND} for age in range(4)]
    await _add(database, crash_marks, *marks)
    tally = Tally(database=database)

    assert await delete_old_inbox_rows(tally, NOW, limit=TimeLimit(60))

    assert tally.deleted == {"processed_messages": 1, "crash_marks": 3}
    assert tally.kept == {"processed_messages": 1, "crash_marks": 1}
    assert await _ids(database) == ["new"]


async def test_a_run_without_time_does_one_page_and_the_next_goes_on(database: Database) -> None:
    """So that a job may end before its time limit and leave the rest to a successor."""
    await _add(database, processed_messages, *(_done(f"{number:02}", NOW - number * SECOND) for number in range(1, 11)))
    left = []
    while not await delete_old_inbox_rows(Tally(database=database), NOW, limit=TimeLimit(0), size=4):
        left.append(len(await _ids(database)))

    assert left == [6, 2, 0]


async def test_claims_go_when_their_date_has_passed(database: Database) -> None:
    """What is no claim check stays, and what the store refuses is counted as kept."""
    objects = FakeObjectStore()
    for key in ("claims/2026-11-23/a", "claims/2026-11-24/b", "claims/notes", "uploads/2026-11-23/c"):
        await objects.put(key, b"{}", "application/json")
    tally = Tally(database=database)

    assert await delete_expired_claims(tally, objects, date(2026, 11, 24), limit=TimeLimit(60))

    assert (tally.deleted, tally.kept) == ({"claims": 1}, {"claims": 2, "objects_refused": 0})
    assert sorted(objects.contents) == ["claims/2026-11-24/b", "claims/notes", "uploads/2026-11-23/c"]
