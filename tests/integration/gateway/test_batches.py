"""Batches of jobs over HTTP: all or none."""

from typing import Any

import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from tests.harness import stored
from tests.integration.gateway.harness import Gateway

URL = "/v1/jobs/email.send/batch"


def mail(number: int, **changes: Any) -> dict[str, Any]:
    """A job of a batch."""
    return {"body": {"to": "ada@example.com", "subject": f"Mail {number}", "body": "<p>Hi</p>", **changes}}


@pytest.fixture(autouse=True)
async def empty(operator: Connection) -> None:
    """The queue holds nothing that another test left."""
    await manage(operator, "STREAM.PURGE.EMAIL")


async def test_a_batch_is_stored_whole_and_in_order(door: Gateway, operator: Connection) -> None:
    """One receipt a job, in the order of the jobs."""
    jobs = [mail(number) | ({"id": f"mine-{number}"} if number % 2 else {}) for number in range(1000)]
    answer = await door.client.post(URL, json={"jobs": jobs}, headers=await door.key("jobs:write"))
    receipts = answer.json()["jobs"]
    messages = await stored(operator, "EMAIL")
    assert answer.status_code == 202
    assert [receipt["id"] for receipt in receipts] == [message.headers[wire.JOB_ID] for message in messages]
    assert [receipt["sequence"] for receipt in receipts] == [message.sequence for message in messages]
    assert [receipts[number]["id"] for number in (1, 3)] == ["mine-1", "mine-3"]
    assert b"Mail 999" in messages[-1].body


async def test_one_wrong_job_refuses_all(door: Gateway, operator: Connection) -> None:
    """Each wrong field is named with the number of its job."""
    jobs = [mail(number) for number in range(20)]
    jobs[3] = mail(3, to="nobody", subejct="?")
    jobs[17] = {"body": 7}
    answer = await door.client.post(URL, json={"jobs": jobs}, headers=await door.key("jobs:write"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid-job")
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ["/jobs/3/body/to", "/jobs/3/body/subejct", "/jobs/17/body"]
    assert await stored(operator, "EMAIL") == []


async def test_an_id_that_occurs_twice_refuses_all_and_is_named(door: Gateway, operator: Connection) -> None:
    """By the places of both."""
    jobs = [mail(0) | {"id": "a"}, mail(1), mail(2) | {"id": "a"}]
    answer = await door.client.post(URL, json={"jobs": jobs}, headers=await door.key("jobs:write"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "duplicate-in-batch")
    assert problem["errors"] == [{"pointer": "/jobs/2/id", "detail": "The same as /jobs/0/id."}]
    assert await stored(operator, "EMAIL") == []


async def test_an_id_that_the_broker_knows_refuses_all(door: Gateway, operator: Connection) -> None:
    """Nothing of the batch is stored."""
    headers = await door.key("jobs:write")
    first = await door.client.post(URL, json={"jobs": [mail(0) | {"id": "known"}, mail(1)]}, headers=headers)
    again = await door.client.post(URL, json={"jobs": [mail(2), mail(0) | {"id": "known"}]}, headers=headers)
    assert [first.status_code, again.status_code] == [202, 409]
    assert again.json()["code"] == "duplicate-in-batch"
    assert len(await stored(operator, "EMAIL")) == 2


async def test_a_users_batch_has_ids_of_their_own_room(door: Gateway, operator: Connection) -> None:
    """Chosen ones and new ones."""
    headers = await door.key("jobs:write", user="ada")
    answer = await door.client.post(URL, json={"jobs": [mail(0) | {"id": "a"}, mail(1)]}, headers=headers)
    ids = [receipt["id"] for receipt in answer.json()["jobs"]]
    assert ids[0] == "user:ada:a"
    assert ids[1].startswith("user:ada:")
    assert [message.headers[wire.JOB_ID] for message in await stored(operator, "EMAIL")] == ids


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{}", 422, "invalid-job"),
        (b"[]", 422, "invalid-job"),
        (b'{"jobs": []}', 422, "invalid-job"),
        (b'{"jobs": [{"id": "a"}]}', 422, "invalid-job"),
        (b'{"jobs": [{"body": {}, "delay": "1h"}]}', 422, "invalid-job"),
        (b'{"jobs": [{"body": {}, "id": 1}]}', 422, "invalid-job"),
        (b'{"jobs": [' + b",".join([b'{"body": {}}'] * 1001) + b"]}", 422, "invalid-job"),
        (b'{"jobs": [{"body": {"to":"a@example.com","subject":"a","body":"b"}, "id": "a/b"}]}', 400, "invalid-id"),
        (b'{"jobs": [{"body":', 400, "invalid-json"),
        (b"", 400, "invalid-json"),
    ],
)
async def test_what_is_no_batch_is_told(
    door: Gateway, operator: Connection, content: bytes, status: int, code: str
) -> None:
    """And nothing is stored."""
    headers = {**await door.key("jobs:write"), "Content-Type": "application/json"}
    answer = await door.client.post(URL, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await stored(operator, "EMAIL") == []


async def test_the_jobs_of_a_batch_run_now(door: Gateway) -> None:
    """A time that would be ignored is refused."""
    answer = await door.client.post(f"{URL}?delay=1h", json={"jobs": [mail(0)]}, headers=await door.key("jobs:write"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-time")


async def test_a_batch_is_paid_for_job_by_job(door: Gateway) -> None:
    """So that a rate holds for those who send many at once, too."""
    headers = await door.key("jobs:write", requestsPerSecond=10, burst=20)
    assert (
        await door.client.post(URL, json={"jobs": [mail(n) for n in range(100)]}, headers=headers)
    ).status_code == 202
    refused = await door.client.post(URL, json={"jobs": [mail(0)]}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert 7 <= int(refused.headers["retry-after"]) <= 9


async def test_a_batch_has_a_largest_size(door: Gateway) -> None:
    """413 before it is read."""
    headers = {**await door.key("jobs:write"), "Content-Type": "application/json"}
    answer = await door.client.post(URL, content=b" " * (8 * 1024 * 1024 + 1), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
