"""Jobs over HTTP: what is accepted is stored, what is not is told where and why."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.database.tables import processed_messages
from nightshift.messaging.outbound import scheduled
from nightshift.messaging.publisher import Publisher
from tests.harness import Stored, stored
from tests.integration.gateway.harness import Gateway

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
WRITE = ("jobs:write", "jobs:read", "jobs:cancel")


@pytest.fixture(autouse=True)
async def empty(operator: Connection) -> None:
    """No queue holds anything that another test left."""
    for stream in ("EMAIL", "EMAIL_LATER", "REPORT"):
        await manage(operator, f"STREAM.PURGE.{stream}")


async def only(operator: Connection, stream: str = "EMAIL") -> Stored:
    """The one message in a stream."""
    (message,) = await stored(operator, stream)
    return message


async def test_a_job_is_the_bare_contract(door: Gateway, operator: Connection) -> None:
    """202 says that the broker has it, byte for byte, and where."""
    body = b'{"to":"ada@example.com",  "subject":"Hi","body":"<p>Hi</p>"}'
    headers = {**await door.key("jobs:write:email.*"), "Content-Type": "application/json"}
    answer = await door.client.post("/v1/jobs/email.send", content=body, headers=headers)
    message = await only(operator)
    job = answer.json()["job"]
    assert answer.status_code == 202
    assert job == {
        "id": message.headers[wire.JOB_ID],
        "type": "email.send",
        "subject": "jobs.email.send",
        "where": "queue",
        "stream": "EMAIL",
        "sequence": message.sequence,
        "duplicate": False,
    }
    assert message.body == body
    assert answer.headers["location"] == f"/v1/jobs/email.send/{job['id']}?sequence={job['sequence']}"


async def test_the_idempotency_key_is_the_jobs_id(door: Gateway, operator: Connection) -> None:
    """Bare or as a quoted string; the second time says that it was known."""
    headers = await door.key(*WRITE)
    answers = [
        await door.client.post("/v1/jobs/email.send", json=MAIL, headers={**headers, "Idempotency-Key": key})
        for key in ("welcome-17", '"welcome-17"')
    ]
    assert [answer.json()["job"]["id"] for answer in answers] == ["welcome-17"] * 2
    assert [answer.json()["job"]["duplicate"] for answer in answers] == [False, True]
    assert (await only(operator)).headers[wire.JOB_ID] == "welcome-17"


async def test_a_users_job_ids_are_in_a_room_of_their_own(door: Gateway, operator: Connection) -> None:
    """So that one user's key can take nobody else's id, and reach nobody else's job."""
    ada, bob = await door.key(*WRITE, user="ada"), await door.key(*WRITE, user="bob")
    application = await door.key(*WRITE)
    key = {"Idempotency-Key": "welcome"}
    ids = []
    for headers in (ada, bob, application):
        answer = await door.client.post("/v1/jobs/email.send", json=MAIL, headers={**headers, **key})
        ids.append(answer.json()["job"]["id"])
    assert ids == ["user:ada:welcome", "user:bob:welcome", "welcome"]
    assert len(await stored(operator, "EMAIL")) == 3
    for headers, statuses in ((ada, [200, 403, 403]), (application, [200, 200, 200])):
        found = [await door.client.get(f"/v1/jobs/email.send/{one}", headers=headers) for one in ids]
        assert [answer.status_code for answer in found] == statuses
    refused = await door.client.delete("/v1/jobs/email.send/user:bob:welcome", headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        "a b",
        "a/b",
        "email/email.send/x/0/abc",
        "again:EMAIL:1:2",
        "dead:EMAIL:1:2",
        "EMAIL:1:2",
        "user:ada:welcome",
        "cleanup.daily@2026-07-24T00:00:00Z",
        "x" * 201,
        '"unended',
        "é",
        "~" * 201,
        "batch",
    ],
)
async def test_an_id_of_the_products_own_form_is_refused(door: Gateway, operator: Connection, key: str) -> None:
    """Follow-up jobs, copies, events and users' jobs cannot be forestalled."""
    headers = {**await door.key(*WRITE), "Idempotency-Key": key.encode()}
    answer = await door.client.post("/v1/jobs/email.send", json=MAIL, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-id")
    assert await stored(operator, "EMAIL") == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/to", "/subject", "/body"]),
        ({**MAIL, "to": "nobody", "subject": 42}, ["/to", "/subject"]),
        ({**MAIL, "to": ["ada@example.com", "nobody"]}, ["/to/1"]),
        ({**MAIL, "cc": "nobody"}, ["/cc"]),
        ({**MAIL, "subejct": "Hi"}, ["/subejct"]),
        (
            {**MAIL, "attachments": [{"key": "a/b", "fileName": "b"}, {"key": "/", "name": 1}]},
            ["/attachments/1/key", "/attachments/1/fileName", "/attachments/1/name"],
        ),
        ({**MAIL, "a/b~c": 1}, ["/a~1b~0c"]),
        ([], [""]),
        ("text", [""]),
        (None, [""]),
    ],
)
async def test_every_wrong_field_is_named_by_a_pointer(
    door: Gateway, operator: Connection, body: Any, pointers: list[str]
) -> None:
    """422, and nothing is enqueued."""
    answer = await door.client.post(
        "/v1/jobs/email.send",
        content=msgspec.json.encode(body),
        headers={**await door.key(*WRITE), "Content-Type": "application/json"},
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid-job"), problem
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert all(error["detail"] for error in problem["errors"])
    assert await stored(operator, "EMAIL") == []


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"nonsense", b'{"to":"\xff"}', b"[" * 100_000, b"\xef\xbb\xbf{}"])
async def test_what_is_no_json_is_told_apart_from_a_wrong_job(door: Gateway, body: bytes) -> None:
    """400."""
    headers = {**await door.key(*WRITE), "Content-Type": "application/json"}
    answer = await door.client.post("/v1/jobs/email.send", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-json"), answer.text


@pytest.mark.parametrize(
    "job_type", ["email.sned", "sync.all", "maintenance.files", "webhook.received", "sync.external"]
)
async def test_only_the_types_of_the_setting_are_taken(door: Gateway, job_type: str) -> None:
    """Those that are internal, not allowed, or not there look alike."""
    headers = await door.key(*WRITE)
    answer = await door.client.post(f"/v1/jobs/{job_type}", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job-type")


async def test_a_key_takes_only_the_types_of_its_scopes(door: Gateway, operator: Connection) -> None:
    """And no other operation."""
    headers = await door.key("jobs:write:email.*")
    report = await door.client.post("/v1/jobs/report.generate", json={"reportId": "1"}, headers=headers)
    state = await door.client.get("/v1/jobs/email.send/x", headers=headers)
    assert [(answer.status_code, answer.json()["code"]) for answer in (report, state)] == [(403, "forbidden")] * 2
    assert await stored(operator, "REPORT") == []


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer ns_live_short", "Bearer a.b.c", "Bearer é"])
async def test_without_a_valid_key_nothing_is_done(door: Gateway, operator: Connection, header: str) -> None:
    """401 with a challenge, and one text for all reasons."""
    headers = {"Authorization": header.encode()} if header else {}
    answer = await door.client.post("/v1/jobs/email.send", json=MAIL, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await stored(operator, "EMAIL") == []


async def test_a_job_for_later_waits_and_can_be_taken_back(door: Gateway, operator: Connection) -> None:
    """Its state says when it is due."""
    headers = {**await door.key(*WRITE), "Idempotency-Key": "reminder"}
    answer = await door.client.post("/v1/jobs/email.send?delay=2h", json=MAIL, headers=headers)
    job = answer.json()["job"]
    due = datetime.fromisoformat(job["runsAt"])
    assert (answer.status_code, job["where"], job["stream"]) == (202, "schedule", "EMAIL_LATER")
    assert abs(due - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    state = (await door.client.get(answer.headers["location"], headers=headers)).json()
    assert (state["state"], state["attempt"], datetime.fromisoformat(state["at"])) == ("scheduled", 1, due)
    gone = await door.client.delete("/v1/jobs/email.send/reminder", headers=headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert await stored(operator, "EMAIL_LATER") == []
    again = await door.client.delete("/v1/jobs/email.send/reminder", headers=headers)
    assert (again.status_code, again.json()["code"]) == (404, "unknown-job")


async def test_an_instant_says_when_as_well(door: Gateway, operator: Connection) -> None:
    """RFC 3339, with its zone."""
    headers = await door.key(*WRITE)
    url = "/v1/jobs/email.send?at=2199-07-25T08:00:00%2B02:00"
    answer = await door.client.post(url, json=MAIL, headers=headers)
    assert answer.json()["job"]["runsAt"] == "2199-07-25T06:00:00Z"
    assert (await only(operator, "EMAIL_LATER")).headers["Nats-Schedule"] == "@at 2199-07-25T06:00:00.000000Z"


@pytest.mark.parametrize(
    "query",
    [
        "delay=soon",
        "delay=",
        "delay=-1s",
        "delay=1",
        "at=tomorrow",
        "at=2026-07-25",
        "at=2026-07-25T06:00:00",
        "at=2026-13-25T06:00:00Z",
        "delay=1s&at=2026-07-25T06:00:00Z",
        "delay=1s&delay=2s",
        "delay=٣s",
    ],
)
async def test_a_time_that_cannot_be_read_is_told(door: Gateway, operator: Connection, query: str) -> None:
    """And nothing is enqueued, neither now nor later."""
    answer = await door.client.post(f"/v1/jobs/email.send?{query}", json=MAIL, headers=await door.key(*WRITE))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-time")
    assert await stored(operator, "EMAIL") + await stored(operator, "EMAIL_LATER") == []


@pytest.mark.parametrize("delay", ["0s", "999999999999w"])
async def test_a_delay_may_be_of_any_length(door: Gateway, delay: str) -> None:
    """The nearest instant that the broker can count."""
    answer = await door.client.post(f"/v1/jobs/email.send?delay={delay}", json=MAIL, headers=await door.key(*WRITE))
    assert answer.status_code == 202


async def test_a_state_is_what_a_few_look_ups_tell(door: Gateway, operator: Connection) -> None:
    """Done, between two attempts, in the queue where its receipt says, or else accepted."""
    headers = await door.key(*WRITE)
    async with door.database.write() as connection:
        row = {"consumer": "email", "type": "email.send", "id": "finished", "processed_at": datetime.now(UTC)}
        await connection.execute(insert(processed_messages).values(**row))
    later = scheduled("email.send", "tired", b"{}", {wire.ATTEMPT_BASE: "2"}, datetime.now(UTC) + timedelta(hours=1))
    await Publisher(operator).store(later)
    answer = await door.client.post("/v1/jobs/email.send", json=MAIL, headers=headers)
    waiting, sequence = answer.json()["job"]["id"], answer.json()["job"]["sequence"]

    async def state(path: str) -> tuple[str, int | None]:
        found = (await door.client.get(f"/v1/jobs/email.send/{path}", headers=headers)).json()
        return found["state"], found.get("attempt")

    assert await state("finished") == ("done", None)
    assert await state("tired") == ("retrying", 3)
    assert await state(f"{waiting}?sequence={sequence}") == ("queued", None)
    assert await state(f"other?sequence={sequence}") == ("accepted", None)
    assert await state(waiting) == ("accepted", None)
    assert await state("never-there") == ("accepted", None)


async def test_the_state_of_a_done_job_has_its_result(door: Gateway) -> None:
    """With its attempt and its time; whose job it was, its id says already."""
    headers = await door.key(*WRITE)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    row = {"consumer": "report", "type": "report.generate", "id": "r1", "processed_at": at}
    known = {"attempt": 2, "took_ms": 1530, "outcome": "skipped", "result": '{"object":"reports/r1.html"}'}
    async with door.database.write() as connection:
        await connection.execute(insert(processed_messages).values(**row, **known))
    assert (await door.client.get("/v1/jobs/report.generate/r1", headers=headers)).json() == {
        "id": "r1",
        "type": "report.generate",
        "state": "done",
        "at": "2026-11-24T00:00:00Z",
        "attempt": 2,
        "skipped": True,
        "tookMs": 1530,
        "result": {"object": "reports/r1.html"},
    }


async def test_a_users_jobs_are_that_tenants(door: Gateway, operator: Connection) -> None:
    """One by one and in a batch; whoever is no user says nothing about it."""
    for user in ("ada", None):
        headers = await door.key(*WRITE, user=user)
        await door.client.post("/v1/jobs/email.send", json=MAIL, headers={**headers, "Job-Tenant": "eve"})
        await door.client.post("/v1/jobs/email.send/batch", json={"jobs": [{"body": MAIL}]}, headers=headers)
    tenants = [message.headers.get(wire.TENANT) for message in await stored(operator, "EMAIL")]
    assert tenants == ["ada", "ada", None, None]


async def test_what_is_done_cannot_be_taken_back(door: Gateway) -> None:
    """409."""
    headers = await door.key(*WRITE)
    async with door.database.write() as connection:
        row = {"consumer": "email", "type": "email.send", "id": "over", "processed_at": datetime.now(UTC)}
        await connection.execute(insert(processed_messages).values(**row))
    answer = await door.client.delete("/v1/jobs/email.send/over", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "done")


async def test_a_job_in_the_queue_of_a_service_without_workers_can_be_cancelled(door: Gateway) -> None:
    """Also twice; its state says so. Without its `sequence` nobody knows that it is there."""
    headers = await door.key(*WRITE)
    queued = (await door.client.post("/v1/jobs/email.send", json=MAIL, headers=headers)).headers["location"]
    unknown = await door.client.delete(queued.partition("?")[0], headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-job")
    for path in (queued, queued, queued.partition("?")[0]):
        assert (await door.client.delete(path, headers=headers)).status_code == 204
    state = (await door.client.get(queued, headers={**headers, "Prefer": "wait=20"})).json()
    assert (state["state"], state["error"]) == ("dead", "cancelled")


async def test_a_long_body_travels_by_claim_check(door: Gateway, operator: Connection) -> None:
    """As whoever else publishes it."""
    mail = {**MAIL, "body": "x" * 300_000}
    answer = await door.client.post("/v1/jobs/email.send", json=mail, headers=await door.key(*WRITE))
    assert answer.status_code == 202
    assert (await only(operator)).headers[wire.CLAIM].startswith("claims/")


async def test_the_trace_of_a_request_goes_on_in_its_jobs(door: Gateway, operator: Connection) -> None:
    """`traceparent` goes through; what is none is dropped."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = await door.key(*WRITE)
    for value in (parent, "nonsense"):
        await door.client.post("/v1/jobs/email.send", json=MAIL, headers={**headers, "traceparent": value})
    first, second = await stored(operator, "EMAIL")
    assert first.headers[wire.TRACEPARENT] == parent
    assert wire.TRACEPARENT not in second.headers


async def test_fifty_callers_with_one_key_are_one_job(door: Gateway, operator: Connection) -> None:
    """The same key is the same work."""
    headers = {**await door.key(*WRITE), "Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(door.client.post("/v1/jobs/email.send", json=MAIL, headers=headers) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert sum(not answer.json()["job"]["duplicate"] for answer in answers) == 1
    assert (await only(operator)).headers[wire.JOB_ID] == "once"
