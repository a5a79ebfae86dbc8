"""What goes into the columns comes out of them: instants, structured data, defaults."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from nightshift.database import Database
from nightshift.database.column_types import Instant
from nightshift.database.tables import outbox
from schema.tables import activity_logs, files, sessions, users


async def _user(database: Database) -> str:
    user_id = uuid4().hex
    async with database.write() as connection:
        await connection.execute(users.insert(), {"id": user_id, "email": user_id})
    return user_id


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=-11))),
    ],
)
async def test_an_instant_comes_back_as_the_same_moment_in_utc(database: Database, instant: datetime) -> None:
    """To the microsecond, whatever zone it was written in, and it can be asked for by its value."""
    session_id = uuid4().hex
    row = {"id": session_id, "user_id": await _user(database), "expires_at": instant, "created_at": instant}
    async with database.write() as connection:
        await connection.execute(sessions.insert(), row)

    found = select(sessions.c.expires_at).where(sessions.c.id == session_id, sessions.c.expires_at == instant)
    async with database.read() as connection:
        stored = (await connection.execute(found)).scalar_one()

    assert stored == instant
    assert stored.tzinfo is UTC


async def test_instants_are_ordered_as_moments(database: Database) -> None:
    """Zones and fractions of a second do not disturb the order that keyset pages rely on."""
    user_id, first = await _user(database), datetime(2026, 1, 1, 12, tzinfo=UTC)
    east = timezone(timedelta(hours=9))
    moments = [first, first + timedelta(microseconds=1), first + timedelta(seconds=1), first + timedelta(days=400)]
    rows = [
        {"id": f"{user_id}-{n}", "user_id": user_id, "expires_at": moment.astimezone(east)}
        for n, moment in enumerate(moments)
    ]
    async with database.write() as connection:
        await connection.execute(sessions.insert(), rows[::-1])

    query = select(sessions.c.expires_at).where(sessions.c.user_id == user_id).order_by(sessions.c.expires_at)
    async with database.read() as connection:
        assert list((await connection.execute(query)).scalars()) == moments
        later = await connection.execute(query.where(sessions.c.expires_at > moments[1].astimezone(east)))
        assert list(later.scalars()) == moments[2:]


async def test_an_instant_without_zone_is_refused(database: Database) -> None:
    """A naive datetime is somebody's local time: refused in words, on both databases alike."""
    with pytest.raises(StatementError, match="has no time zone"):
        async with database.write() as connection:
            await connection.execute(users.insert(), {"email": "x", "created_at": datetime(2026, 1, 1)})  # noqa: DTZ001


@given(st.datetimes(timezones=st.timezones()))
def test_no_zone_changes_the_moment(moment: datetime) -> None:
    """Whatever the zone, also at its clock changes, what SQLite keeps is the same moment."""
    dialect: Any = type("SQLite", (), {"name": "sqlite"})
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # at the very ends of the calendar
        return

    kept = Instant().process_bind_param(moment, dialect)

    assert kept is not None
    assert kept.tzinfo is None
    assert Instant().process_result_value(kept, dialect) == utc


@pytest.mark.parametrize("data", [{}, {"a": [1, 2.5, None, True, {"b": "ä\u2028😀"}]}, [], ["x"], "text", 5])
async def test_structured_data_comes_back_as_it_was(database: Database, data: Any) -> None:
    """Lists, nested objects and any writing survive."""
    log_id = uuid4().hex
    async with database.write() as connection:
        await connection.execute(activity_logs.insert(), {"id": log_id, "action": "x", "details": data})

    async with database.read() as connection:
        found = await connection.execute(select(activity_logs.c.details).where(activity_logs.c.id == log_id))
        assert found.scalar_one() == data


async def test_no_data_is_null(database: Database) -> None:
    """None in a column of structured data is the database's NULL, so that `IS NULL` finds it."""
    row = {"id": uuid4().hex, "object_key": uuid4().hex, "original_name": "a", "metadata": None}
    async with database.write() as connection:
        await connection.execute(files.insert(), row)

    async with database.read() as connection:
        query = select(files.c.id).where(files.c.id == row["id"], files.c.metadata.is_(None))
        assert (await connection.execute(query)).scalar_one() == row["id"]


async def test_what_a_writer_leaves_out_has_its_usual_value(database: Database) -> None:
    """An upload's row needs a key and a name; the rest is that nothing has happened yet."""
    key = uuid4().hex
    async with database.write() as connection:
        await connection.execute(files.insert(), {"object_key": key, "original_name": "a.jpg"})

    async with database.read() as connection:
        row = (await connection.execute(select(files).where(files.c.object_key == key))).one()

    assert (row.status, row.processed, row.metadata, row.updated_at) == ("pending", False, None, None)
    assert len(row.id) == 32
    assert abs(datetime.now(UTC) - row.created_at) < timedelta(minutes=1)


async def test_a_body_is_kept_byte_for_byte(database: Database) -> None:
    """The outbox keeps a message's bytes, whatever they are."""
    row = {"id": uuid4().hex, "consumer": "gateway", "subject": "jobs.x.y", "body": bytes(range(256))}
    async with database.write() as connection:
        await connection.execute(outbox.insert(), row)

    async with database.read() as connection:
        stored = (await connection.execute(select(outbox).where(outbox.c.id == row["id"]))).one()

    assert (stored.body, stored.headers, stored.parent_id) == (bytes(range(256)), {}, None)
