"""The figures of each kind, against a small database that is counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Table, insert

from nightshift.database import Database
from schema.tables import activity_logs, email_deliveries, files, users
from services.report.parameters import MAX_DAYS
from services.report.period import Period, days_until
from services.report.queries.activity_figures import activity_figures
from services.report.queries.storage_figures import LargeFile, Owner, Stored, storage_figures
from services.report.queries.weekly_figures import weekly_figures

UNTIL = datetime(2026, 11, 23, tzinfo=UTC)
"""A Monday; the week is that of the 16th, the one before of the 9th."""
INSTANT = timedelta(microseconds=1)


def week(until: datetime = UNTIL, zone: str = "UTC") -> Period:
    """Seven days."""
    return days_until(until, ZoneInfo(zone), 7)


def at(day: int, hour: int = 12) -> datetime:
    """A moment of November 2026."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


async def fill(database: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    """Writes rows."""
    async with database.write() as connection:
        await connection.execute(insert(table), rows)


def user(number: int, created_at: datetime, name: str = "") -> dict[str, Any]:
    """A row."""
    return {"id": f"user-{number}", "email": f"user-{number}@example.com", "name": name, "created_at": created_at}


def file(number: int, created_at: datetime, **changes: Any) -> dict[str, Any]:
    """A row of a processed text of 1,000 bytes that belongs to user 1."""
    row = {"id": f"file-{number}", "object_key": f"uploads/{number}", "original_name": f"{number}.txt", "size": 1000}
    row |= {"user_id": "user-1", "content_type": "text/plain", "status": "processed", "created_at": created_at}
    return row | changes


def action(number: int, user_number: int | None, name: str, created_at: datetime) -> dict[str, Any]:
    """A row."""
    owner = None if user_number is None else f"user-{user_number}"
    return {"id": f"log-{number}", "user_id": owner, "action": name, "details": {}, "created_at": created_at}


def mail(number: int, sent_at: datetime) -> dict[str, Any]:
    """A row."""
    row = {"id": f"mail-{number}", "job_id": f"job-{number}", "recipients": ["a@example.com"], "subject": "S"}
    return row | {"transport": "smtp", "message_id": f"<{number}@example.com>", "sent_at": sent_at}


async def test_users_are_counted_in_all_and_by_day(database: Database) -> None:
    """A day begins with its midnight, and the end is no longer in it."""
    moments = [at(1), at(9, 0), at(15, 0), at(16, 0), at(16, 23), at(22, 23), UNTIL - INSTANT, UNTIL, at(24)]
    await fill(database, users, [user(number, moment) for number, moment in enumerate(moments)])
    async with database.read() as connection:
        figures = await weekly_figures(connection, week())
    assert (figures.users, figures.users_before) == (7, 3)
    assert figures.new_users.now == (2, 0, 0, 0, 0, 0, 2)
    assert figures.new_users.before == (1, 0, 0, 0, 0, 0, 1)


async def test_days_are_those_of_the_time_zone(database: Database) -> None:
    """A user of Sunday 23:30 in UTC came on Monday in Berlin."""
    await fill(database, users, [user(1, datetime(2026, 11, 15, 23, 30, tzinfo=UTC))])
    for zone, expected in (("UTC", (0, 0, 0, 0, 0, 0, 0)), ("Europe/Berlin", (1, 0, 0, 0, 0, 0, 0))):
        async with database.read() as connection:
            figures = await weekly_figures(connection, week(datetime(2026, 11, 23, tzinfo=ZoneInfo(zone)), zone))
        assert figures.new_users.now == expected


async def test_uploads_are_counted_with_their_bytes_and_failures(database: Database) -> None:
    """A file whose size is not known yet counts as a file, of no bytes."""
    await fill(database, users, [user(1, at(1))])
    rows = [file(1, at(16)), file(2, at(16), size=500, status="failed"), file(3, at(22), size=None, status="pending")]
    rows += [file(4, at(10), status="failed"), file(5, at(9)), file(6, at(1)), file(7, at(23))]
    await fill(database, files, rows)
    async with database.read() as connection:
        figures = await weekly_figures(connection, week())
    assert figures.uploads.now == (2, 0, 0, 0, 0, 0, 1)
    assert figures.uploads.total_before == 2
    assert figures.uploaded_bytes.now == (1500, 0, 0, 0, 0, 0, 0)
    assert (figures.failed_uploads, figures.failed_uploads_before) == (1, 1)


async def test_as_many_days_as_may_be_asked_for_are_counted(database: Database) -> None:
    """Three months, each day for itself."""
    await fill(database, users, [user(1, UNTIL - INSTANT), user(2, UNTIL - timedelta(days=MAX_DAYS))])
    async with database.read() as connection:
        figures = await weekly_figures(connection, days_until(UNTIL, ZoneInfo("UTC"), MAX_DAYS))
    assert figures.new_users.now == (1, *[0] * (MAX_DAYS - 2), 1)


async def test_mails_are_counted_by_the_day_they_were_sent(database: Database) -> None:
    """One delivery is one mail, however many got it."""
    await fill(database, email_deliveries, [mail(number, at(day)) for number, day in enumerate((1, 9, 17, 17, 22, 23))])
    async with database.read() as connection:
        figures = await weekly_figures(connection, week())
    assert (figures.mails.now, figures.mails.total_before) == ((0, 2, 0, 0, 0, 0, 1), 1)


async def test_activity_is_counted_by_day_user_and_kind(database: Database) -> None:
    """A user counts once a day and once in all; what nobody did any more counts as an action of nobody."""
    await fill(database, users, [user(1, at(1), "Ada"), user(2, at(1)), user(3, at(23))])
    done: list[tuple[int | None, str, datetime]] = [
        (1, "login", at(16)),
        (1, "search", at(16, 13)),
        (1, "login", at(22)),
    ]
    done += [
        (2, "login", at(16)),
        (None, "login", at(17)),
        (2, "login", at(10)),
        (2, "login", at(1)),
        (1, "login", UNTIL),
    ]
    await fill(database, activity_logs, [action(number, *each) for number, each in enumerate(done)])
    async with database.read() as connection:
        figures = await activity_figures(connection, week(), max_users=10)
    assert (figures.users, figures.active, figures.active_before) == (2, 2, 1)
    assert figures.active_by_day.now == (2, 0, 0, 0, 0, 0, 1)
    assert figures.actions.now == (3, 1, 0, 0, 0, 0, 1)
    assert figures.by_action == [("login", 4), ("search", 1)]
    named = [(each.name, each.email, each.actions, each.last_at) for each in figures.most_active]
    assert named == [("Ada", "user-1@example.com", 3, at(22)), ("", "user-2@example.com", 1, at(16))]
    assert figures.comparable


async def test_no_more_users_are_named_than_asked_for(database: Database) -> None:
    """Those who did most."""
    await fill(database, users, [user(number, at(1)) for number in range(5)])
    logs = [action(10 * number + each, number, "login", at(18)) for number in range(5) for each in range(number)]
    await fill(database, activity_logs, logs)
    async with database.read() as connection:
        figures = await activity_figures(connection, week(), max_users=2)
    assert [each.id for each in figures.most_active] == ["user-4", "user-3"]
    assert figures.active == 4


async def test_activity_is_comparable_only_as_far_back_as_the_log_reaches(database: Database) -> None:
    """Entries that were cleaned up are no growth."""
    await fill(database, activity_logs, [action(1, None, "login", at(9))])
    async with database.read() as connection:
        figures = await activity_figures(connection, week(), max_users=2)
    assert not figures.comparable


async def test_storage_is_counted_by_owner_type_and_status(database: Database) -> None:
    """At the end of the days, and at their start."""
    await fill(database, users, [user(1, at(1), "Ada"), user(2, at(1), "Grace")])
    rows = [file(1, at(1)), file(2, at(16), size=5000, user_id="user-2", content_type="image/png")]
    rows += [file(3, at(22), user_id=None, size=3000), file(4, at(22), status="pending", size=None, content_type=None)]
    rows += [file(5, at(23), size=9999)]
    await fill(database, files, rows)
    async with database.read() as connection:
        figures = await storage_figures(connection, week(), max_owners=10)
    assert (figures.at_end, figures.at_start) == (Stored(None, 4, 9000), Stored(None, 1, 1000))
    assert figures.ownerless == Stored(None, 1, 3000)
    assert figures.added_bytes.now == (5000, 0, 0, 0, 0, 0, 3000)
    assert figures.by_status == [Stored("processed", 3, 9000), Stored("pending", 1, 0)]
    assert figures.by_type == [Stored("image/png", 1, 5000), Stored("text/plain", 2, 4000), Stored(None, 1, 0)]
    grace = Owner("user-2", "Grace", "user-2@example.com", 1, 5000)
    assert (figures.owners, figures.largest_owners) == (
        2,
        [grace, Owner("user-1", "Ada", "user-1@example.com", 2, 1000)],
    )
    assert figures.largest_files == [
        LargeFile("2.txt", "user-2@example.com", "image/png", 5000),
        LargeFile("3.txt", None, "text/plain", 3000),
        LargeFile("1.txt", "user-1@example.com", "text/plain", 1000),
    ]


async def test_sizes_beyond_32_bits_are_added_up(database: Database) -> None:
    """A terabyte is no mistake."""
    await fill(database, files, [file(number, at(18), user_id=None, size=10**15) for number in range(3)])
    async with database.read() as connection:
        figures = await storage_figures(connection, week(), max_owners=10)
    assert (figures.at_end.bytes, figures.added_bytes.total) == (3 * 10**15, 3 * 10**15)


@pytest.mark.parametrize("kind", ["weekly", "activity", "storage"])
async def test_an_empty_database_has_figures_too(database: Database, kind: str) -> None:
    """All of them zero."""
    async with database.read() as connection:
        if kind == "weekly":
            assert (await weekly_figures(connection, week())).users == 0
        elif kind == "activity":
            assert (await activity_figures(connection, week(), max_users=5)).most_active == []
        else:
            assert (await storage_figures(connection, week(), max_owners=5)).at_end == Stored(None, 0, 0)


async def test_all_figures_come_from_one_moment(database: Database) -> None:
    """What others commit while they are read shows in none of them: the parts of a report fit together."""
    await fill(database, users, [user(1, at(16))])
    async with database.read() as connection:
        first = await weekly_figures(connection, week())
        await fill(database, users, [user(2, at(17))])
        await fill(database, files, [file(1, at(17))])
        second = await weekly_figures(connection, week())
    assert first == second
    assert first.users == 1
