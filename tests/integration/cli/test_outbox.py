"""`nightshift outbox`: what is committed and not yet with the broker; and what `doctor` says of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from nightshift.database import Database, open_database
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from tests.integration.cli.harness import Operator

BODY = b'{"to":"ada@example.com","subject":"Hi","body":"Hi"}'
LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
async def database(operator: Operator) -> AsyncIterator[Database]:
    """The stack's database with an empty outbox."""
    opened = open_database(operator.environ["DATABASE_URL"])
    async with opened.write() as connection:
        await connection.execute(delete(outbox))
    yield opened
    await opened.close()


async def put(database: Database, job_id: str, **values: Any) -> None:
    """A row that was enqueued by SQL, or, with a consumer, one of a service's."""
    row = {"consumer": "", "subject": "jobs.email.send", "body": BODY, "headers": {"Job-Id": job_id}}
    async with database.write() as connection:
        await connection.execute(insert(outbox), row | {"id": f"row-{job_id}"} | values)
        if "created_at" in values:
            where = outbox.c.id == f"row-{job_id}"
            await connection.execute(update(outbox).where(where).values(created_at=values["created_at"]))


async def fail(database: Database, job_id: str, error: str) -> None:
    """The relay has noted why it cannot be published."""
    noted = {"tries": 3, "retry_at": datetime(2100, 1, 1, tzinfo=UTC), "error": error}
    async with database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.id == f"row-{job_id}").values(noted))


async def listed(operator: Operator, *arguments: str) -> list[str]:
    """The job ids of the list."""
    return [row["jobId"] for row in (await operator.run("outbox", "list", *arguments, "--json")).json]


async def test_the_list_shows_the_oldest_first(operator: Operator, database: Database) -> None:
    """By whom, for which queue, how often tried and why not published; only some, if wanted."""
    assert "Nothing waits in the outbox." in (await operator.run("outbox", "list")).out
    await put(database, "new")
    await put(database, "old", created_at=LONG_AGO)
    await put(database, "follow-up", consumer="report", type="report.generate", subject="jobs.upload.process")
    await fail(database, "old", "the body is too large")
    assert await listed(operator) == ["old", "new", "follow-up"]
    assert await listed(operator, "--limit", "1") == ["old"]
    assert await listed(operator, "--queue", "upload") == ["follow-up"]
    assert await listed(operator, "--failed") == ["old"]
    first, *_ = (await operator.run("outbox", "list", "--json")).json
    assert (first["writtenBy"], first["queue"], first["tries"], first["error"]) == (
        *("sql", "email", 3, "the body is too large"),
    )
    said = (await operator.run("outbox", "list")).out
    for word in ("row-old", "sql", "report", "the body is too large", "2100-01-01"):
        assert word in said


async def test_a_row_is_shown_in_full(operator: Operator, database: Database) -> None:
    """By its own id or the job's: headers, body, error."""
    await put(database, "welcome-17")
    await fail(database, "welcome-17", "no stream")
    for reference in ("welcome-17", "row-welcome-17"):
        said = (await operator.run("outbox", "show", reference)).out
        for word in ("jobs.email.send", "tried 3 times", "no stream", "Job-Id: welcome-17", '"to": "ada@example.com"'):
            assert word in said
    (row,) = (await operator.run("outbox", "show", "welcome-17", "--json")).json
    assert (row["headers"], row["body"]) == ({"Job-Id": "welcome-17"}, json.loads(BODY))
    assert (await operator.run("outbox", "show", "nobody")).code == 1


async def test_a_failed_row_is_tried_again_at_once(operator: Operator, database: Database) -> None:
    """Others need no command, which is said."""
    await put(database, "failed")
    await put(database, "young")
    await fail(database, "failed", "no stream")
    assert "1 row will be tried again" in (await operator.run("outbox", "retry", "--failed")).out
    (row,) = (await operator.run("outbox", "show", "failed", "--json")).json
    assert datetime.fromisoformat(row["retryAt"]) <= datetime.now(UTC)
    young = await operator.run("outbox", "retry", "young")
    assert (young.code, "publishes them by itself" in young.err) == (1, True)


async def test_a_row_is_dropped_after_a_question(operator: Operator, database: Database) -> None:
    """Its job never runs, so nobody does it by accident."""
    await put(database, "unwanted")
    await put(database, "wanted")
    asked = await operator.run("outbox", "drop", "unwanted")
    assert (asked.code, "Their jobs never run" in asked.err) == (2, True)
    assert "1 row deleted" in (await operator.run("outbox", "drop", "unwanted", "--yes")).out
    assert await listed(operator) == ["wanted"]
    assert (await operator.run("outbox", "drop", "unwanted", "--yes", "--json")).json == {
        "done": 0,
        "missing": ["unwanted"],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show",), "which rows? name them"),
        (("drop", "--yes"), "which rows? name them"),
        (("list", "--queue", "emial"), "there is no service 'emial'; did you mean email?"),
    ],
)
async def test_what_selects_nothing_in_particular_is_told(
    operator: Operator, arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2, and what to write instead."""
    ran = await operator.run("outbox", *arguments)
    assert (ran.code, words in ran.err) == (2, True), ran.err


async def test_without_a_database_it_says_what_is_missing(operator: Operator) -> None:
    """The broker alone knows nothing of the outbox."""
    ran = await operator.run("outbox", "list", without=("DATABASE_URL",))
    assert (ran.code, "DATABASE_URL is not set" in ran.err) == (2, True)


async def test_the_grants_of_a_role_are_printed(operator: Operator) -> None:
    """For PostgreSQL; nothing is connected to for that. SQLite has no roles."""
    url = "postgresql://app:secret@db.example.com/shop"
    said = (await operator.run("outbox", "grant", "web shop", environ={"DATABASE_URL": url})).out
    assert said.splitlines() == [
        'GRANT CONNECT ON DATABASE "shop" TO "web shop";',
        'GRANT USAGE ON SCHEMA nightshift TO "web shop";',
        'GRANT INSERT (subject, body, headers, not_before) ON TABLE nightshift.outbox TO "web shop";',
        'GRANT EXECUTE ON FUNCTION nightshift.enqueue(text, jsonb, text, timestamptz, jsonb) TO "web shop";',
        'GRANT EXECUTE ON FUNCTION nightshift.new_job_id() TO "web shop";',
    ]
    assert "SQLite has no roles" in (await operator.run("outbox", "grant", "webshop")).err


async def _said(operator: Operator) -> dict[str, Any]:
    findings = (await operator.run("doctor", "--json")).json
    (found,) = (finding for finding in findings if finding["check"] == "outbox")
    return dict(found)


async def test_doctor_says_how_relays_hear(operator: Operator, database: Database) -> None:
    """And how many job types may be enqueued by SQL."""
    found = await _said(operator)
    assert found["state"] == "ok"
    assert "relays look for commits every 0.05 s" in found["found"]
    types = (await operator.run("outbox", "list", "--json")).json
    assert types == []
    await let_producers(database.url, [], notify=True)
    assert "no job may be enqueued by SQL" in (await _said(operator))["found"]
    await operator.stack.provision()


async def test_doctor_names_what_cannot_be_published(operator: Operator, database: Database) -> None:
    """With its error, and the commands that help."""
    await put(database, "welcome-17")
    await fail(database, "welcome-17", "the body is too large")
    found = await _said(operator)
    assert found["state"] == "wrong"
    assert "jobs.email.send welcome-17 (tried 3 times): the body is too large" in found["found"]
    assert "nightshift outbox list --failed" in found["fix"]


async def test_doctor_names_what_nobody_publishes(operator: Operator, database: Database) -> None:
    """No worker of that service, or no such service any more."""
    await put(database, "waits", created_at=LONG_AGO)
    found = await _said(operator)
    assert (found["state"], "1 row by sql for email wait, the oldest for 2h" in found["found"]) == ("wrong", True)
    assert "start a worker of email" in found["fix"]
    await let_producers(database.url, ["shop.pack"], notify=True)
    async with database.write() as connection:
        await connection.execute(delete(outbox))
    await put(database, "orphan", subject="jobs.shop.pack", created_at=LONG_AGO)
    assert "there is no service shop" in (await _said(operator))["fix"]
    await operator.stack.provision()


async def test_doctor_names_a_misspelt_subject_that_a_job_wrote(operator: Operator, database: Database) -> None:
    """Among others that only wait, and with the row to drop."""
    for number in range(3):
        await put(database, f"waits-{number}", consumer="email", type="email.send", created_at=LONG_AGO)
    await put(database, "typo", consumer="email", type="email.send", subject="jobs.emial.send", created_at=LONG_AGO)
    found = await _said(operator)
    assert (found["state"], "4 rows by email wait" in found["found"]) == ("wrong", True)
    assert found["fix"].startswith("there is no service emial in the contracts for jobs.emial.send: ")
    assert found["fix"].endswith("nightshift outbox drop row-typo")
