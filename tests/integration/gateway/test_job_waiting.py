"""Waiting for a job over HTTP: its end, its result and how far it is, without asking again and again."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent
from tests.harness import SOON, Harness, RunProbe, eventually, working
from tests.integration.gateway.harness import Gateway, gateway

PATH = "/v1/jobs/probe.run"
SCOPES = ("jobs:write", "jobs:read")


async def handler(message: RunProbe, job: Job) -> None:
    """Does what the message's name says."""
    match message.name:
        case "fail" if job.attempt == 1:
            raise ConnectionError("not today")
        case "refuse":
            raise Permanent("never")
        case "report":
            job.progress(0.5, "half of it")
            await asyncio.sleep(0.2)
        case "stay":
            job.progress(0.25)
            await asyncio.sleep(60)
    job.result = {"attempts": job.attempt, "number": message.number}


@pytest.fixture
async def worker(broker: Broker, tmp_path: Path) -> AsyncIterator[Harness]:
    """A worker of the probe's jobs."""
    async with working(broker, None, tmp_path, {RunProbe: handler}, slots=200, policies=SOON) as harness:
        await harness.listen()
        yield harness


@pytest.fixture
async def probes(broker: Broker, worker: Harness, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway that takes the probe's jobs."""
    del worker
    async with gateway(
        tmp_path, broker=broker, fresh=False, contracts_package="tests.harness", gateway_jobs="probe.run"
    ) as running:
        await eventually(lambda: _is_ready(running), what="the gateway hears its workers")
        yield running


async def _is_ready(running: Gateway) -> bool:
    headers = {**await running.key(*SCOPES), "Prefer": "wait=1"}
    answer = await running.client.post(PATH, json={"name": "first"}, headers=headers)
    return answer.status_code == 200


async def test_a_job_that_ends_while_its_sender_waits_is_answered_with_its_result(probes: Gateway) -> None:
    """200 in the place of 202, as soon as it is committed; a failed attempt in between is no end."""
    headers = {**await probes.key(*SCOPES), "Prefer": "respond-async, wait=20"}
    for name, attempts in (("work", 1), ("fail", 2)):
        began = time.monotonic()
        answer = await probes.client.post(PATH, json={"name": name, "number": 7}, headers=headers)
        assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=20")
        state = answer.json()["state"]
        assert (state["state"], state["result"]) == ("done", {"attempts": attempts, "number": 7})
        assert answer.json()["job"]["where"] == "queue"
        assert time.monotonic() - began < 4


async def test_a_job_that_is_given_up_on_ends_the_wait(probes: Gateway) -> None:
    """With the reason of its dead letter."""
    headers = {**await probes.key(*SCOPES), "Prefer": "wait=20"}
    state = (await probes.client.post(PATH, json={"name": "refuse"}, headers=headers)).json()["state"]
    assert (state["state"], state["error"]) == ("dead", "permanent")


async def test_a_job_that_was_given_up_on_is_dead_afterwards(probes: Gateway) -> None:
    """With the reason, to whoever only asks; run again, it is what it is then."""
    keys = {**await probes.key(*SCOPES), "Idempotency-Key": "again"}
    refused = await probes.client.post(PATH, json={"name": "refuse"}, headers={**keys, "Prefer": "wait=20"})
    where = refused.headers["location"]
    state = (await probes.client.get(where, headers=keys)).json()
    assert (state["state"], state["error"], state["attempt"]) == ("dead", "permanent", 1)
    later = await probes.client.post(f"{PATH}?delay=1ms", json={"name": "work"}, headers={**keys, "Prefer": "wait=20"})
    assert later.json()["state"]["state"] == "done"


async def test_a_job_that_takes_longer_is_accepted_all_the_same(probes: Gateway) -> None:
    """202 and how far it is, when the time is over."""
    headers = {**await probes.key(*SCOPES), "Prefer": "wait=1"}
    answer = await probes.client.post(PATH, json={"name": "stay"}, headers=headers)
    state = answer.json()["state"]
    assert (answer.status_code, state["state"], state["fraction"]) == (202, "running", 0.25)
    late = (await probes.client.get(answer.headers["location"], headers=headers)).json()
    assert (late["state"], late["attempt"], late["fraction"]) == ("running", 1, 0.25)


async def test_who_asks_for_a_state_may_wait_for_the_end(probes: Gateway) -> None:
    """Of one that is over the answer comes at once."""
    keys = await probes.key(*SCOPES)
    where = (await probes.client.post(PATH, json={"name": "report"}, headers=keys)).headers["location"]
    for _ in range(2):
        answer = await probes.client.get(where, headers={**keys, "Prefer": "wait=20"})
        assert (answer.json()["state"], answer.json()["result"]["attempts"]) == ("done", 1)


async def test_a_jobs_events_end_with_its_result(probes: Gateway) -> None:
    """Where it is, how far it is, and the end; a browser that connects again then is told that there is no more."""
    keys = await probes.key(*SCOPES)
    where = (await probes.client.post(PATH, json={"name": "report"}, headers=keys)).headers["location"]
    path = where.partition("?")[0] + "/events"
    async with probes.client.stream("GET", path, headers=keys) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = (await answer.aread()).decode().strip().split("\n\n")
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    assert (events[-1]["event"], events[-1]["id"]) == ("done", "over")
    last: dict[str, Any] = msgspec.json.decode(events[-1]["data"])
    assert last["result"] == {"attempts": 1, "number": 0}
    again = await probes.client.get(path, headers={**keys, "Last-Event-ID": "over"})
    assert again.status_code == 204


async def test_a_running_job_is_stopped_over_http(probes: Gateway, worker: Harness) -> None:
    """200 with how it ended; what nobody has is unknown, and what is done stays done."""
    keys = await probes.key(*SCOPES, "jobs:cancel")
    where = (await probes.client.post(PATH, json={"name": "stay"}, headers=keys)).headers["location"]
    await eventually(lambda: worker.parts.worker.running, what="it runs")
    stopped = await probes.client.delete(where, headers=keys)
    assert (stopped.status_code, stopped.json()["state"], stopped.json()["error"]) == (200, "dead", "cancelled")
    (letter,) = await worker.dead_letters()
    assert letter.headers["Dead-Reason"] == "cancelled"
    assert worker.parts.worker.in_flight == 0
    again = await probes.client.delete(where, headers=keys)
    assert (again.status_code, again.json()["code"]) == (404, "unknown-job")


async def test_a_job_in_its_queue_is_cancelled_over_http(broker: Broker, tmp_path: Path) -> None:
    """No worker has it, all are busy: whoever waits for it hears so, and its worker does nothing with it."""
    go_on, ran = asyncio.Event(), list[str]()

    async def hold(message: RunProbe, _: Job) -> None:
        ran.append(message.name)
        await go_on.wait()

    async with (
        working(broker, None, tmp_path, {RunProbe: hold}, slots=3, policies=SOON) as harness,
        gateway(
            tmp_path, broker=broker, fresh=False, contracts_package="tests.harness", gateway_jobs="probe.run"
        ) as running,
    ):
        await harness.listen()
        keys = await running.key(*SCOPES, "jobs:cancel")
        for _ in range(6):  # more than the worker may have in its hands
            await running.client.post(PATH, json={"name": "busy"}, headers=keys)
        await eventually(lambda: len(ran) == 3, what="its slots are taken")
        where = (await running.client.post(PATH, json={"name": "queued"}, headers=keys)).headers["location"]
        waiting = asyncio.create_task(running.client.get(where, headers={**keys, "Prefer": "wait=20"}))
        assert (await running.client.delete(where, headers=keys)).status_code == 204
        assert (await waiting).json()["error"] == "cancelled"
        go_on.set()
        await harness.settled(7)
        assert harness.outcomes() == {"done": 6, "duplicate": 1}
        assert ran == ["busy"] * 6


async def test_many_wait_at_the_same_time(probes: Gateway) -> None:
    """Each for its own job, over one subscription."""
    headers = {**await probes.key(*SCOPES), "Prefer": "wait=20"}

    async def result_of(number: int) -> int:
        answer = await probes.client.post(PATH, json={"name": "work", "number": number}, headers=headers)
        return int(answer.json()["state"]["result"]["number"])

    assert await asyncio.gather(*map(result_of, range(60))) == list(range(60))


async def test_only_so_many_wait(broker: Broker, worker: Harness, tmp_path: Path) -> None:
    """The next one is not kept waiting: its job is accepted, and a stream is refused."""
    del worker
    async with gateway(
        tmp_path,
        broker=broker,
        fresh=False,
        contracts_package="tests.harness",
        gateway_jobs="probe.run",
        gateway_event_streams="1",
    ) as running:
        await eventually(lambda: _is_ready(running), what="the gateway hears its workers")
        headers = await running.key(*SCOPES)
        where = (await running.client.post(PATH, json={"name": "stay"}, headers=headers)).headers["location"]
        async with running.client.stream("GET", where.partition("?")[0] + "/events", headers=headers) as first:
            assert first.status_code == 200
            second = await running.client.get(where.partition("?")[0] + "/events", headers=headers)
            posted = await running.client.post(PATH, json={"name": "work"}, headers={**headers, "Prefer": "wait=20"})
        assert (second.status_code, second.json()["code"]) == (503, "busy")
        assert (posted.status_code, "state" in posted.json()) == (202, False)
