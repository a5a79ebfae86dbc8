"""Two gateways side by side, as behind a load balancer: a client need not come back to the one that took its job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent
from tests.harness import SOON, Harness, RunProbe, eventually, working
from tests.integration.gateway.harness import Gateway, gateway

PATH = "/v1/jobs/probe.run"
SCOPES = ("jobs:write", "jobs:read", "jobs:cancel")


@dataclass
class Pair:
    """Two gateways on one broker and one database, the worker of their jobs, and what its handler waits for."""

    one: Gateway
    other: Gateway
    worker: Harness
    go_on: asyncio.Event

    async def posted(self, headers: dict[str, str], query: str = "", **message: str) -> httpx.Response:
        """Hand a job to the first one."""
        return await self.one.client.post(PATH + query, json=message, headers=headers)


@pytest.fixture
async def pair(broker: Broker, tmp_path: Path) -> AsyncIterator[Pair]:
    """Both, once both hear the worker."""
    go_on = asyncio.Event()

    async def handler(message: RunProbe, job: Job) -> None:
        if message.name == "refuse":
            raise Permanent("never")
        if message.name == "stay":
            job.progress(0.5, "half of it")
            await go_on.wait()
        job.result = {"name": message.name}

    async with (
        working(broker, None, tmp_path, {RunProbe: handler}, slots=20, policies=SOON) as worker,
        _probe_gateway(tmp_path, broker) as one,
        _probe_gateway(tmp_path, broker) as other,
    ):
        await worker.listen()
        for running in (one, other):
            await eventually(partial(_is_ready, running), what="the gateway hears the worker")
        yield Pair(one, other, worker, go_on)
        go_on.set()


def _probe_gateway(folder: Path, broker: Broker) -> AbstractAsyncContextManager[Gateway]:
    return gateway(folder, broker=broker, fresh=False, contracts_package="tests.harness", gateway_jobs="probe.run")


async def _is_ready(running: Gateway) -> bool:
    headers = {**await running.key(*SCOPES), "Prefer": "wait=1"}
    return (await running.client.post(PATH, json={"name": "first"}, headers=headers)).status_code == 200


async def test_the_state_of_a_job_is_told_by_the_one_that_did_not_take_it(pair: Pair) -> None:
    """Scheduled, given up on, and done; and it is taken back there."""
    keys = await pair.one.key(*SCOPES)
    scheduled = (await pair.posted(keys, "?delay=1h", name="later")).headers["location"]
    refused = (await pair.posted({**keys, "Prefer": "wait=20"}, name="refuse")).headers["location"]
    done = (await pair.posted({**keys, "Prefer": "wait=20"}, name="work")).headers["location"]

    async def state(where: str) -> str:
        return str((await pair.other.client.get(where, headers=keys)).json()["state"])

    assert [await state(where) for where in (scheduled, refused, done)] == ["scheduled", "dead", "done"]
    assert (await pair.other.client.delete(scheduled, headers=keys)).status_code == 204
    again = await pair.one.client.delete(scheduled, headers=keys)
    assert (again.status_code, again.json()["code"]) == (404, "unknown-job")


async def test_a_client_waits_at_the_one_that_did_not_take_its_job(pair: Pair) -> None:
    """By long poll and by events, at both at the same time: each hears the end, and the result."""
    keys = await pair.one.key(*SCOPES)
    where = (await pair.posted(keys, name="stay")).headers["location"]
    path = where.partition("?")[0]

    async def result_at(running: Gateway) -> object:
        return (await running.client.get(where, headers={**keys, "Prefer": "wait=20"})).json()["result"]

    async with pair.other.client.stream("GET", f"{path}/events", headers=keys) as events:
        lines = events.aiter_lines()
        while "half of it" not in await anext(lines):
            pass
        waiting = [asyncio.create_task(result_at(running)) for running in (pair.one, pair.other)]
        pair.go_on.set()
        told = "\n".join([line async for line in lines])
    assert "event: done" in told
    assert await asyncio.gather(*waiting) == [{"name": "stay"}] * 2


async def test_a_running_job_is_stopped_by_the_one_that_did_not_take_it(pair: Pair) -> None:
    """And both know it as dead."""
    keys = await pair.one.key(*SCOPES)
    where = (await pair.posted(keys, name="stay")).headers["location"]
    await eventually(lambda: pair.worker.parts.worker.running, what="it runs")
    stopped = await pair.other.client.delete(where, headers=keys)
    assert (stopped.status_code, stopped.json()["error"]) == (200, "cancelled")
    for running in (pair.one, pair.other):
        state = (await running.client.get(where, headers=keys)).json()
        assert (state["state"], state["error"]) == ("dead", "cancelled")


async def test_one_key_at_both_at_once_is_one_job(pair: Pair) -> None:
    """Whoever is second is told that it was there."""
    keys = {**await pair.one.key(*SCOPES), "Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(running.client.post(PATH, json={"name": "stay"}, headers=keys) for running in (pair.one, pair.other) * 5)
    )
    jobs = [answer.json()["job"] for answer in answers]
    assert {answer.status_code for answer in answers} == {202}
    assert len({job["sequence"] for job in jobs}) == 1
    assert sorted(job.get("duplicate", False) for job in jobs) == [False] + [True] * 9


async def test_each_counts_a_keys_rate_for_itself(pair: Pair) -> None:
    """As the documentation says: a client has the rate at each of them."""
    keys = await pair.one.key(*SCOPES, requestsPerSecond=0.001, burst=1)
    for running in (pair.one, pair.other):
        codes = [(await running.client.get(f"{PATH}/nobody", headers=keys)).status_code for _ in range(2)]
        assert codes == [200, 429]
