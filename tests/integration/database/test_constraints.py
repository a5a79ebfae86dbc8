"""What the schema itself forbids, and what happens to rows whose owner goes."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError

from nightshift.database import Database
from nightshift.database.tables import processed_messages
from schema.tables import (
    activity_logs,
    email_deliveries,
    external_records,
    files,
    linked_accounts,
    reports,
    sessions,
    users,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def _add(database: Database, table: Table, **values: Any) -> str:
    row_id = uuid4().hex
    async with database.write() as connection:
        await connection.execute(table.insert(), {"id": row_id, **values})
    return row_id


async def _user(database: Database) -> str:
    return await _add(database, users, email=uuid4().hex)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (files, {"object_key": "k", "original_name": "n", "status": "done"}),
        (files, {"object_key": "k", "original_name": "n", "size": -1}),
        (files, {"object_key": "k", "original_name": "n", "user_id": "nobody"}),
        (reports, {"kind": "k", "status": "ready"}),
        (email_deliveries, {"job_id": "j", "subject": "s", "transport": "fax", "message_id": "m", "sent_at": NOW}),
        (sessions, {"user_id": "nobody", "expires_at": NOW}),
        (linked_accounts, {"user_id": "nobody", "service": "feed"}),
    ],
)
async def test_the_database_refuses_what_makes_no_sense(
    database: Database, table: Table, values: dict[str, Any]
) -> None:
    """An unknown status, a negative size, a reference to nobody: refused whoever writes it."""
    with pytest.raises(IntegrityError):
        await _add(database, table, **values)


async def test_a_job_is_done_once(database: Database) -> None:
    """The inbox holds a job once per consumer and type; the same id of another type is another job."""
    row = {"consumer": "email", "type": "email.send", "id": uuid4().hex, "processed_at": NOW}
    async with database.write() as connection:
        await connection.execute(processed_messages.insert(), row)
        await connection.execute(processed_messages.insert(), {**row, "type": "email.other"})
        await connection.execute(processed_messages.insert(), {**row, "consumer": "report"})

    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(processed_messages.insert(), row)


async def test_an_object_belongs_to_one_row(database: Database) -> None:
    """Two rows with one object could not tell whose it is when one of them goes."""
    key = uuid4().hex
    await _add(database, files, object_key=key, original_name="a")

    with pytest.raises(IntegrityError):
        await _add(database, files, object_key=key, original_name="b")


async def test_a_user_links_a_service_once(database: Database) -> None:
    """A second account at the same service would be synced over the first."""
    user_id = await _user(database)
    await _add(database, linked_accounts, user_id=user_id, service="feed")
    await _add(database, linked_accounts, user_id=user_id, service="github")

    with pytest.raises(IntegrityError):
        await _add(database, linked_accounts, user_id=user_id, service="feed")


async def test_a_deleted_user_leaves_what_still_has_to_be_cleaned_up(database: Database) -> None:
    """Files, logs and reports stay without an owner; sessions, accounts and their records go."""
    user_id = await _user(database)
    file_id = await _add(database, files, object_key=uuid4().hex, original_name="a", user_id=user_id)
    log_id = await _add(database, activity_logs, action="login", user_id=user_id)
    report_id = await _add(database, reports, kind="weekly", requested_by=user_id)
    session_id = await _add(database, sessions, user_id=user_id, expires_at=NOW)
    account_id = await _add(database, linked_accounts, user_id=user_id, service="feed")
    async with database.write() as connection:
        record = {"account_id": account_id, "external_id": "1", "kind": "entry", "seen_at": NOW}
        await connection.execute(external_records.insert(), record)

    async with database.write() as connection:
        await connection.execute(users.delete().where(users.c.id == user_id))

    async with database.read() as connection:

        async def owner(column: Any, row_id: str) -> Any:
            query = select(column).where(column.table.c.id == row_id)
            return (await connection.execute(query)).one_or_none()

        assert await owner(files.c.user_id, file_id) == (None,)
        assert await owner(activity_logs.c.user_id, log_id) == (None,)
        assert await owner(reports.c.requested_by, report_id) == (None,)
        assert await owner(sessions.c.user_id, session_id) is None
        assert await owner(linked_accounts.c.user_id, account_id) is None
        left = select(external_records).where(external_records.c.account_id == account_id)
        assert (await connection.execute(left)).all() == []
