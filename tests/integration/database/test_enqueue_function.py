"""`nightshift.enqueue` on PostgreSQL, and what else is PostgreSQL's own in enqueuing by SQL."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from nightshift.database import Database, migrate, open_database
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from tests.integration.database.test_enqueue_rules import BODY, TYPES, rows, write
from tests.integration.security.producer_cases import SUBJECT


@pytest.fixture(scope="module")
async def migrated(postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL database with the tables in it."""
    await migrate(postgres_url)
    await let_producers(postgres_url, TYPES, notify=True)
    database = open_database(postgres_url)
    yield database
    await database.close()


@pytest.fixture
async def offering(migrated: Database) -> Database:
    """The same with an empty outbox."""
    async with migrated.write() as connection:
        await connection.execute(delete(outbox))
    return migrated


async def sql(database: Database, statement: str) -> Any:
    """Run a statement in a transaction of its own; return its value."""
    async with database.write() as connection:
        result = await connection.exec_driver_sql(statement)
        return result.scalar() if result.returns_rows else None


async def test_enqueue_returns_the_jobs_id(offering: Database) -> None:
    """The one that was given, or a new one; body and headers are JSON, backslashes and all."""
    given = await sql(
        offering,
        """SELECT nightshift.enqueue('email.send', '{"to": "C:\\\\temp \\"x\\" \\u00e9"}'::jsonb,
           job_id => 'welcome-17', not_before => now() + interval '12 hours', headers => '{"Job-Tenant": "acme"}')""",
    )
    made = await sql(offering, "SELECT nightshift.enqueue('report.generate', '{}')")
    first, second = await rows(offering)
    assert (given, first["headers"]) == ("welcome-17", {"Job-Id": "welcome-17", "Job-Tenant": "acme"})
    assert json.loads(first["body"]) == {"to": 'C:\\temp "x" é'}
    assert 11.9 < (first["not_before"] - datetime.now(UTC)).total_seconds() / 3600 < 12.1
    assert (second["headers"], second["subject"]) == ({"Job-Id": made}, "jobs.report.generate")


async def test_nothing_given_to_enqueue_is_nothing(offering: Database) -> None:
    """A caller that passes NULL for what it does not know gets what the defaults give."""
    await sql(offering, "SELECT nightshift.enqueue('email.send', '{}', NULL, NULL, NULL)")
    with pytest.raises(DBAPIError, match="body"):
        await sql(offering, "SELECT nightshift.enqueue('email.send', NULL)")
    with pytest.raises(DBAPIError, match="no job can be enqueued as NULL"):
        await sql(offering, "SELECT nightshift.enqueue(NULL, '{}')")
    assert len(await rows(offering)) == 1


async def test_a_refusal_has_the_code_of_a_check_and_a_hint(offering: Database) -> None:
    """A program can tell it by its SQLSTATE; a person reads what may be written instead."""
    with pytest.raises(DBAPIError) as refused:
        await write(offering, subject="jobs.email.sned")
    cause = refused.value.orig.__cause__ if refused.value.orig else None
    assert getattr(cause, "sqlstate", None) == "23514"
    assert "jobs.email.send" in getattr(cause, "hint", "")
    assert (getattr(cause, "table_name", None), getattr(cause, "column_name", None)) == ("outbox", "subject")


HOSTILE = (
    "CREATE SCHEMA evil",
    "CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION evil.no(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
    "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes)",
    "CREATE OPERATOR evil.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no)",
    "CREATE OPERATOR evil.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no)",
    "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1'",
)


async def test_an_operator_of_ones_own_does_not_answer_the_checks(offering: Database) -> None:
    """Who may create functions and choose the search path cannot have `like` or `=` say what they want."""
    for statement in HOSTILE:
        await sql(offering, statement)
    insert = "INSERT INTO nightshift.outbox (subject, body, headers) VALUES ($1, $2, $3::jsonb)"
    for subject, headers in (("jobs.webhook.received", "{}"), (SUBJECT, '{"Nats-Rollup": "all"}')):
        async with offering.engine.connect() as connection:
            await connection.exec_driver_sql("SET LOCAL search_path = evil, pg_catalog")
            with pytest.raises(DBAPIError, match="outbox: "):
                await connection.exec_driver_sql(insert, (subject, BODY, headers))
    assert await rows(offering) == []


async def test_an_infinite_time_is_refused(offering: Database) -> None:
    """PostgreSQL has such values, and no program can wait for them."""
    for word in ("infinity", "-infinity", "4000-01-01 BC"):
        with pytest.raises(DBAPIError, match="cannot wait until"):
            await sql(offering, f"SELECT nightshift.enqueue('email.send', '{{}}', not_before => '{word}')")
