"""What may be enqueued by SQL: the database says no within the writer's own transaction, and says what to do."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError

from nightshift.contract.catalogue import load_catalogue
from nightshift.database import Database
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from tests.integration.security.producer_cases import FORBIDDEN, INTERNAL, ORDERS, SUBJECT

BODY = b'{"to":"ada@example.com","subject":"Hi","body":"<p>Hi\\n</p>"}'
TYPES = load_catalogue().public()


@pytest.fixture
async def offering(database: Database) -> AsyncIterator[Database]:
    """A database in which the public job types may be enqueued, and nothing is."""
    await let_producers(database.url, TYPES, notify=True)
    yield database
    async with database.write() as connection:
        await connection.execute(delete(outbox))


async def write(database: Database, **values: object) -> None:
    """Insert a row as a producer does, in a transaction of its own."""
    row = {"subject": SUBJECT, "body": BODY, **values}
    if "headers" in row and not isinstance(row["headers"], str):
        row["headers"] = json.dumps(row["headers"])
    table = "nightshift.outbox" if database.dialect == "postgresql" else "outbox"
    given = ", ".join(f"CAST(:{name} AS jsonb)" if name == "headers" and "." in table else f":{name}" for name in row)
    async with database.write() as connection:
        await connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({given})"), row)  # noqa: S608


async def rows(database: Database) -> list[Mapping[str, Any]]:
    """What is in the outbox."""
    async with database.read() as connection:
        found = await connection.execute(select(outbox).order_by(outbox.c.created_at))
        return [dict(row) for row in found.mappings()]


async def refusal(database: Database, **values: object) -> str:
    """Write a row that is refused; return what the writer reads."""
    with pytest.raises(DBAPIError) as refused:
        await write(database, **values)
    assert await rows(database) == []
    return str(refused.value.orig)


async def test_subject_and_body_are_enough(offering: Database) -> None:
    """Everything else is given by the database: an id for the row, an id for the job, whose relay publishes it."""
    before = datetime.now(UTC)
    await write(offering)
    (row,) = await rows(offering)
    assert (row["subject"], row["body"], row["service"], row["consumer"]) == (SUBJECT, BODY, "email", "")
    assert len(row["headers"]["Job-Id"]) == len("019a5b3f0d10123456789abcdef0123")
    assert int(row["headers"]["Job-Id"][:11], 16) / 1000 == pytest.approx(before.timestamp(), abs=60)
    assert abs((row["created_at"] - before).total_seconds()) < 60
    assert (row["tries"], row["retry_at"], row["error"], row["not_before"]) == (0, None, None, None)


async def test_ids_are_random(offering: Database) -> None:
    """Of rows and of jobs."""
    for _ in range(3):
        await write(offering)
    written = await rows(offering)
    assert len({row["id"] for row in written}) == len({row["headers"]["Job-Id"] for row in written}) == 3


@pytest.mark.parametrize("job_type", TYPES)
async def test_every_public_job_can_be_enqueued(offering: Database, job_type: str) -> None:
    """What is not internal is what it is there for."""
    await write(offering, subject=f"jobs.{job_type}")
    assert [row["service"] for row in await rows(offering)] == [job_type.partition(".")[0]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Job-Id": "welcome-17"},
        {"Job-Id": "order/17/welcome"},
        {"Job-Id": "Grüße 🚀"},
        {"Job-Id": "x", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"Job-Id": "x", "Job-Tenant": "acme", "X-Shop": "7"},
    ],
)
async def test_a_job_id_and_headers_of_ones_own_stay(offering: Database, headers: dict[str, str]) -> None:
    """As the producer wrote them."""
    await write(offering, headers=headers)
    assert [row["headers"] for row in await rows(offering)] == [headers]


@pytest.mark.parametrize(
    "subject",
    [*FORBIDDEN, *INTERNAL, "events.email", "jobs.email.sned", "jobs.email", "jobs.", "email.send", "", "jobs.*"],
)
async def test_no_other_subject_can_be_written(offering: Database, subject: str) -> None:
    """Neither what is the product's own nor a misspelt one, which nobody would ever work off."""
    said = await refusal(offering, subject=subject)
    assert "outbox: no job can be enqueued as" in said
    if offering.dialect == "postgresql":
        assert subject in said


@pytest.mark.parametrize("orders", ORDERS, ids=lambda orders: " ".join(f"{n}={v}" for n, v in orders.items())[:90])
async def test_no_order_can_be_written(offering: Database, orders: dict[str, str]) -> None:
    """The relay publishes with a service's rights: what the broker would obey is refused before."""
    assert "not for producers" in await refusal(offering, headers={"Job-Id": "hostile", **orders})


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"DEAD-reason": "x"}, "not for producers"),
        ({"Job-Claim": "claims/2026-09-07/00"}, "not for producers"),
        ({"job_attempt_base": "1"}, "not for producers"),
        ({"X-Job-Attempt-Base": "1"}, "not for producers"),
        ({"JobId": "x"}, "do you mean Job-Id|would say nothing"),
        ({"x-job-id": "x"}, "do you mean Job-Id|would say nothing"),
        ({"Job-Id": ""}, "Job-Id"),
        ({"Job-Id": "  "}, "Job-Id"),
        ({"Job-Id": "report/report.generate/weekly/0/0123456789abcdef"}, "Job-Id"),
        ({"Job-Id": "a\r\nNats-Rollup: all"}, "header"),
        ({"Job-Id": "a\nb"}, "header"),
        ({"Job-Id": "a\x7f"}, "header"),
        ({"X-Note\r\nNats-Rollup": "all"}, "header"),
        ({"X Note": "x"}, "header"),
        ({"X:Note": "x"}, "header"),
        ({"Ünote": "x"}, "header"),
        ({"": "x"}, "header"),
        ({"X-Note": 7}, "header"),
        ({"X-Note": None}, "header"),
        ({"X-Note": ["x"]}, "header"),
        ({"X-Note": "x" * 17_000}, "at most 16384 bytes"),
        (["Job-Id", "x"], "no JSON object"),
        ("null", "no JSON object"),
        ('"x"', "no JSON object"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
async def test_a_header_that_cannot_be_meant_is_refused(offering: Database, headers: object, said: str) -> None:
    """Orders in disguise, almost our names, ids of others' follow-up jobs, line breaks, what is no text."""
    assert re.search(said, await refusal(offering, headers=headers))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b'"text"',
        b"7",
        b"null",
        b'{"a":',
        b'{"a": "' + b"x" * (4 << 20) + b'"}',
    ],
    ids=lambda body: repr(body)[:20],
)
async def test_a_body_that_nobody_could_read_is_refused(offering: Database, body: bytes) -> None:
    """It would be a dead letter an hour later, when the writer has long gone on."""
    assert "outbox: the body" in await refusal(offering, body=body)


async def test_a_body_that_is_no_text_is_refused_by_postgresql(offering: Database) -> None:
    """SQLite does not look at the encoding: there the job becomes a dead letter that says so."""
    if offering.dialect == "postgresql":
        assert "outbox: the body" in await refusal(offering, body=b'{"a": "\xff"}')


IN_TIME: dict[str, dict[Any, str]] = {
    "sqlite": {
        "2100-01-01 06:00:00": "2100-01-01T06:00:00",
        "2100-01-01T06:00:00Z": "2100-01-01T06:00:00",
        "2100-01-01T06:00:00.25+02:00": "2100-01-01T04:00:00.250000",
        "2100-01-01": "2100-01-01T00:00:00",
    },
    "postgresql": {datetime(2100, 1, 1, 6, tzinfo=UTC): "2100-01-01T06:00:00"},
}
OUT_OF_TIME: dict[str, list[object]] = {
    "sqlite": [
        "tomorrow",
        "now",
        "12:00",
        "2460000.5",
        2460000.5,
        "3000-01-01",
        "1969-12-31",
        "2100-13-01",
        "2100-01-01 x",
    ],
    "postgresql": [
        datetime(2262, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
}


async def test_a_time_is_kept_as_our_own_programs_write_it(offering: Database) -> None:
    """On SQLite in any form that it calls a time, in UTC where no zone is given."""
    for given, stored in IN_TIME[offering.dialect].items():
        await write(offering, not_before=given)
        (row,) = await rows(offering)
        assert row["not_before"] == datetime.fromisoformat(stored).replace(tzinfo=UTC)
        async with offering.write() as connection:
            await connection.execute(delete(outbox))


async def test_a_time_that_is_none_is_refused(offering: Database) -> None:
    """Or one that the broker cannot count: the job would run at once, or never."""
    for given in OUT_OF_TIME[offering.dialect]:
        assert "outbox: " in await refusal(offering, not_before=given), given


async def test_text_as_body_is_stored_as_its_bytes(offering: Database) -> None:
    """On SQLite, where any column takes text; PostgreSQL's drivers say themselves that the column is for bytes."""
    if offering.dialect == "sqlite":
        await write(offering, body=BODY.decode())
        assert [row["body"] for row in await rows(offering)] == [BODY]


async def test_a_row_goes_with_its_transaction(offering: Database) -> None:
    """Rolled back, it never was."""
    table = "nightshift.outbox" if offering.dialect == "postgresql" else "outbox"
    insert = text(f"INSERT INTO {table} (subject, body) VALUES (:subject, :body)")  # noqa: S608 - a table of ours
    async with offering.engine.connect() as connection:
        await connection.execute(insert, {"subject": SUBJECT, "body": BODY})
    assert await rows(offering) == []


async def test_types_follow_the_contracts(offering: Database) -> None:
    """Provisioning with other contracts adds and removes; a second time there is nothing to do."""
    assert await let_producers(offering.url, TYPES, notify=True) == []
    fewer = [job_type for job_type in TYPES if job_type != "email.send"]
    assert await let_producers(offering.url, [*fewer, "shop.pack"], notify=True) == [
        "shop.pack may be enqueued by SQL",
        "email.send may no longer be enqueued by SQL",
    ]
    await write(offering, subject="jobs.shop.pack")
    with pytest.raises(DBAPIError):
        await write(offering)


async def test_before_provisioning_nothing_can_be_enqueued(offering: Database) -> None:
    """Nothing is let through because nobody has said yet what may be."""
    await let_producers(offering.url, [], notify=True)
    assert "no job can be enqueued as" in await refusal(offering)


async def test_our_own_rows_are_none_of_these_rules(offering: Database) -> None:
    """The gateway's and those of jobs are checked by the programs that write them."""
    row = {"id": "gateway/webhook.received/1/0", "subject": "jobs.webhook.received", "body": b"\x00", "headers": {}}
    async with offering.write() as connection:
        await connection.execute(outbox.insert(), row | {"consumer": "gateway", "headers": {"Nats-Msg-Id": "1"}})
    assert [row["service"] for row in await rows(offering)] == [None]
