"""What became of jobs, on the command line: the ledger, a job that is watched, and events."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, insert

from contracts.email import SendEmail
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, JobEvents
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.topology.discovery import ASK
from tests.harness import eventually
from tests.integration.cli.harness import Operator

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
DONE = {"consumer": "email", "type": "email.send", "attempt": 1, "took_ms": 12}


@pytest.fixture
async def database(operator: Operator) -> AsyncIterator[Database]:
    """The stack's database, without any job that is done."""
    opened = open_database(operator.environ["DATABASE_URL"])
    async with opened.write() as connection:
        await connection.execute(delete(processed_messages))
    yield opened
    await opened.close()


async def add(database: Database, *rows: dict[str, Any]) -> None:
    """Write rows of the ledger; each is a minute older than the one before."""
    now = datetime.now(UTC)
    each = [
        {"outcome": None, "tenant": None, "result": None, **DONE, "processed_at": now - timedelta(minutes=age), **row}
        for age, row in enumerate(rows)
    ]
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), each)


async def tell(operator: Operator, *events: JobEvent) -> None:
    """Tell as a worker of the email service does."""
    body = msgspec.json.encode(JobEvents(at=datetime.now(UTC), events=events))
    operator.connection.send(wire.events_subject("email").encode(), body)
    await operator.connection.flush()


def event(what: str, **more: Any) -> JobEvent:
    """An event of a mail."""
    return msgspec.convert({"type": "email.send", "id": "m1", "what": what, **more}, JobEvent)


async def test_jobs_that_are_done_are_listed_the_newest_last(operator: Operator, database: Database) -> None:
    """With how each ended, for whom, and its result."""
    await add(
        database,
        {"id": "newest", "tenant": "acme", "result": '{"pages":3}'},
        {"id": "older", "outcome": "skipped", "attempt": 4, "took_ms": 1234},
    )
    shown = await operator.run("jobs", "list")
    older, newest = shown.out.splitlines()[1:]
    assert shown.out.startswith("DONE AT")
    assert older.split()[2:] == ["email.send", "older", "skipped", "4", "1,234"]
    assert newest.split()[2:] == ["email.send", "newest", "done", "1", "12", "acme", '{"pages":3}']
    (first, _) = (await operator.run("jobs", "list", "--json")).json
    assert (first["jobId"], first["outcome"], first["tookMs"]) == ("older", "skipped", 1234)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--type", "email.*"), ["c", "b", "a"]),
        (("--tenant", "acme"), ["b"]),
        (("--outcome", "skipped"), ["c"]),
        (("--since", "90s"), ["b", "a"]),
        (("--since", "90s", "--until", "30s"), ["b"]),
        (("--limit", "1"), ["a"]),
        (("--limit", "0"), ["a", "b", "c"]),
    ],
)
async def test_the_list_can_be_narrowed(
    operator: Operator, database: Database, arguments: tuple[str, ...], found: list[str]
) -> None:
    """All of them come while they are read, so the newest first."""
    await add(database, {"id": "a"}, {"id": "b", "tenant": "acme"}, {"id": "c", "outcome": "skipped"})
    listed = await operator.run("jobs", "list", *arguments, "--json")
    assert [row["jobId"] for row in listed.json] == found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--outcome", "dead"), "nightshift dlq list"),
        (("--outcome", "skiped"), "did you mean"),
        (("--type", "email.sent"), "did you mean"),
    ],
)
async def test_what_the_ledger_cannot_be_asked_is_told(
    operator: Operator, arguments: tuple[str, ...], says: str
) -> None:
    """With what to ask instead."""
    refused = await operator.run("jobs", "list", *arguments)
    assert refused.code == 2
    assert says in refused.err.lower()


async def test_without_a_database_there_is_no_ledger(operator: Operator) -> None:
    """It says which setting is missing."""
    refused = await operator.run("jobs", "list", without=("DATABASE_URL",))
    assert refused.code != 0
    assert "DATABASE_URL is not set" in refused.err


async def test_a_job_is_watched_to_its_end(operator: Operator, database: Database) -> None:
    """What it says of itself in between, and its result; the worker is asked how far it is."""
    asked = asyncio.Event()
    sid = await operator.connection.listen(ASK, lambda *_: asked.set())
    await operator.connection.flush()
    await operator.publisher.publish(MAIL, job_id="m1")
    watching = asyncio.create_task(operator.run("jobs", "watch", "m1", "--wait-for", "20s"))
    await eventually(lambda: asked.is_set() or watching.done(), what="the worker is asked")
    assert not watching.done(), watching.result()
    await tell(operator, event("progress", fraction=0.4, note="page 4 of 10"))
    await add(database, {"id": "m1", "result": '{"pages":10}'})
    await tell(operator, event("done"))
    watched = await watching
    await operator.connection.unlisten(sid)
    assert watched.code == 0
    assert "progress 40%, attempt 1  page 4 of 10" in watched.err
    assert "done after " in watched.out
    assert watched.out.rstrip().endswith('result: {"pages":10}')


async def test_a_job_that_dies_while_it_is_watched_ends_with_1(operator: Operator, database: Database) -> None:
    """With the reason of its dead letter."""
    del database
    receipt = await operator.publisher.publish(MAIL, job_id="m2")
    watching = asyncio.create_task(operator.run("jobs", "watch", "m2", "--wait-for", "20s", "--json"))
    await operator.connection.jetstream().publish(
        "dead.email.send", b"{}", headers={"Job-Id": "m2", "Dead-Reason": "permanent", "Dead-Error": "mailbox is full"}
    )
    await manage(operator.connection, "STREAM.MSG.DELETE.EMAIL", {"seq": receipt.sequence, "no_erase": True})
    watched = await watching
    assert (watched.code, watched.json["state"], watched.json["jobId"]) == (1, "dead", "m2")
    assert "permanent: mailbox is full" in watched.json["detail"]


async def test_a_jobs_attempts_are_shown_with_its_state(operator: Operator, database: Database) -> None:
    """As long as they are kept, in order; others' are not."""
    await add(database, {"id": "h1", "attempt": 2})
    await tell(operator, event("retry", id="h1", error="ConnectionError", ms=12.5), event("retry", id="h10"))
    await tell(operator, event("done", id="h1", attempt=2))
    shown = await operator.run("jobs", "find", "h1", "--type", "email.send")
    turns = [line.split() for line in shown.out.splitlines() if " email.send " in line][1:]
    assert [(turn[2], turn[4]) for turn in turns] == [("retry", "1"), ("done", "2")]
    assert "ConnectionError" in shown.out
    (place,) = (await operator.run("jobs", "find", "h1", "--type", "email.send", "--json")).json
    assert [told["event"]["what"] for told in place["history"]] == ["retry", "done"]


async def test_what_is_done_is_found_without_reading_its_queue(operator: Operator, database: Database) -> None:
    """A duplicate in the queue changes nothing of that; `--everywhere` shows it."""
    await operator.publisher.publish(MAIL, job_id="h2")
    await add(database, {"id": "h2"})
    states = [
        [place["state"] for place in (await operator.run("jobs", "find", "h2", *more, "--json")).json]
        for more in ((), ("--everywhere",))
    ]
    assert states == [["done"], ["done", "waiting"]]


async def test_without_a_stream_of_events_a_job_is_found_all_the_same(operator: Operator, database: Database) -> None:
    """It says what is missing."""
    await add(database, {"id": "h3"})
    config = (await manage(operator.connection, "STREAM.INFO.EVENTS"))["config"]
    await manage(operator.connection, "STREAM.DELETE.EVENTS")
    try:
        found = await operator.run("jobs", "find", "h3")
    finally:
        await manage(operator.connection, "STREAM.CREATE.EVENTS", config)
    assert (found.code, "what was told of it cannot be read" in found.err) == (0, True)


async def test_a_job_that_is_not_there_cannot_be_watched(operator: Operator, database: Database) -> None:
    """And one that is not over in time ends the command with 1."""
    del database
    assert (await operator.run("jobs", "watch", "nobody", "--type", "email.send")).code == 1
    await operator.publisher.publish(MAIL, job_id="waits")
    late = await operator.run("jobs", "watch", "waits", "--wait-for", "50ms")
    assert (late.code, "no longer waiting for it" in late.out) == (1, True)


async def test_events_that_are_kept_are_printed(operator: Operator) -> None:
    """A line each; as JSON one line of it each. Filters leave out the rest."""
    await manage(operator.connection, "STREAM.PURGE.EVENTS")
    await tell(operator, event("retry", error="ConnectionError", ms=12.5), event("done", attempt=2, tenant="acme"))
    await tell(operator, event("done", id="other"))
    shown = await operator.run("events", "tail", "--no-follow")
    assert [line.split("  ")[1:4] for line in shown.out.splitlines()] == [
        ["retry", "email.send", "m1"],
        ["done", "email.send", "m1"],
        ["done", "email.send", "other"],
    ]
    retried = await operator.run(
        "events", "tail", "--no-follow", "--since", "1h", "--id", "m1", "--what", "retry,dead", "--json"
    )
    assert json.loads(retried.out)["event"]["error"] == "ConnectionError"
    assert (await operator.run("events", "tail", "--no-follow", "--what", "retired")).code == 2


async def test_what_was_sent_with_wait_prints_its_result(operator: Operator, database: Database) -> None:
    """As soon as it is committed."""
    sending = asyncio.create_task(
        operator.run("send", "email.send", MAIL_TEXT, "--id", "w1", "--tenant", "acme", "--wait-for", "20s")
    )

    async def is_there() -> bool:
        found = await operator.run("jobs", "find", "w1", "--type", "email.send", "--json")
        return bool(found.json)

    await eventually(is_there, what="the job is published")
    await add(database, {"id": "w1", "result": '"kept"'})
    sent = await sending
    assert sent.code == 0
    assert 'result: "kept"' in sent.out


MAIL_TEXT = msgspec.json.encode(MAIL).decode()
