"""A queue is made anew as the other kind: it refuses, is found empty, and a producer that never stops loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage, store
from nightshift.embedded.servers.broker import Broker
from nightshift.topology import bulk_queue, remaking
from nightshift.topology.bulk_queue import Purge
from nightshift.topology.provisioning import differences, provision_broker
from tests.harness import (
    Harness,
    RunProbe,
    cancelled,
    connected,
    count,
    eventually,
    probe_topology,
    with_housekeeping,
    working,
)
from tests.integration.worker.probes import record

BULK, ONE_BY_ONE = probe_topology(bulk=True), probe_topology()
CONSUMER = next(filter(bulk_queue.is_queue, BULK.consumers))


async def retention(connection: Connection) -> str:
    """Return the kind of the queue."""
    return str((await manage(connection, "STREAM.INFO.PROBE"))["config"]["retention"])


@pytest.fixture
async def operator(broker: Broker) -> AsyncIterator[Connection]:
    """A connection beside the worker's."""
    async with connected(broker, "operator") as opened:
        yield opened


async def publish(harness: Harness, names: list[str]) -> None:
    """Publish without end, in batches and singly, and note what was accepted."""
    number = 0
    while True:
        number += 1
        batch = [f"b{number}-{one}" for one in range(30)]
        await harness.publisher.publish_many([RunProbe(name=name) for name in batch])
        names += batch
        singles = [f"s{number}-{one}" for one in range(30)]
        await asyncio.gather(*(harness.publisher.publish(RunProbe(name=name)) for name in singles))
        names += singles


async def test_a_producer_that_never_stops_loses_nothing(broker: Broker, tmp_path: Path, operator: Connection) -> None:
    """There and back, again and again, while jobs come and are worked off; each has its effect once."""
    accepted = list[str]()

    def enough(goal: int) -> bool:
        return len(accepted) >= goal

    async with (
        working(broker, None, tmp_path, {RunProbe: record}, slots=100) as harness,
        with_housekeeping(harness),
    ):
        publishing = asyncio.create_task(publish(harness, accepted))
        for declared, kind in 2 * [(BULK, "limits"), (ONE_BY_ONE, "workqueue")]:
            goal = len(accepted) + 200
            await eventually(partial(enough, goal), what="jobs come")
            done = await provision_broker(operator, declared)
            assert [line for line in done if "made anew" in line], done
            assert await retention(operator) == kind
        await eventually(lambda: len(accepted) > 1_500, what="jobs go on coming")
        assert not publishing.done()
        await cancelled(publishing)
        await harness.empty()
        effects = await harness.effects()
        assert len(effects) == len(set(effects))
        assert set(accepted) <= set(effects)


async def test_a_busy_queue_is_never_taken_for_one_whose_floor_is_wrong(
    broker: Broker, tmp_path: Path, operator: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that come and are done between the broker's two answers do not put its consumer ahead of its stream."""
    async with working(broker, None, tmp_path, {RunProbe: record}) as harness:
        await provision_broker(operator, BULK)
        done = 0

        async def answer_then_work(connection: Connection, request: str) -> dict[str, Any]:
            nonlocal done
            answer = await manage(connection, request)
            await harness.publisher.publish(RunProbe(name="comes in between"))
            done += 1
            await harness.settled(done)
            return answer

        monkeypatch.setattr(bulk_queue, "manage", answer_then_work)
        looks = [await bulk_queue.look(operator, CONSUMER) for _ in range(3)]
        assert [look and look.distrust for look in looks] == ["", "", ""]


async def test_a_queue_that_is_not_empty_keeps_its_kind_and_its_jobs(
    broker: Broker, tmp_path: Path, operator: Connection
) -> None:
    """It takes jobs again at once, and what has to be done is said."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="waits"))
        told = await provision_broker(operator, BULK)
        why = "because it was not empty within 5 s: run this again when it is empty"
        assert told == [f"stream PROBE is not yet emptied in bulk, {why}"]
        await harness.publisher.publish(RunProbe(name="too"))
        assert (await retention(operator), await count(operator, "PROBE")) == ("workqueue", 2)
        assert await differences(operator, BULK) == ["stream PROBE: retention is 'workqueue', declared 'limits'"]


@pytest.mark.parametrize("jobs", [remaking.WORTH_A_TRY + 1])
async def test_a_long_queue_is_not_even_made_to_refuse(
    broker: Broker, tmp_path: Path, operator: Connection, jobs: int
) -> None:
    """It would not be empty by the time that producers give up."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        for start in range(0, jobs, 1_000):
            await harness.publisher.publish_many([RunProbe(name="n")] * min(1_000, jobs - start))
        (told,) = await provision_broker(operator, BULK)
        assert f"because it holds {jobs} jobs" in told


async def test_a_paused_queue_keeps_its_kind(broker: Broker, tmp_path: Path, operator: Connection) -> None:
    """The pause would be forgotten."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False):
        await manage(operator, "CONSUMER.PAUSE.PROBE.probe", {"pause_until": "2100-01-01T00:00:00Z"})
        (told,) = await provision_broker(operator, BULK)
        assert "because it is paused" in told


async def test_what_is_left_of_a_provisioning_that_died_is_put_right(
    broker: Broker, tmp_path: Path, operator: Connection
) -> None:
    """It had made the queue refuse. The next one lets it take jobs again, unless the first is still at it."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="waits"))
        current = (await manage(operator, "STREAM.INFO.PROBE"))["config"]
        await manage(operator, "STREAM.UPDATE.PROBE", {**current, "subjects": ["remaking.probe"]})
        await store(operator, "remaking.probe", {}, b"")
        settling = asyncio.create_task(remaking.settle(operator, CONSUMER, abandoned_seconds=1.0))
        await asyncio.wait({settling}, timeout=0.3)
        assert not settling.done()
        await settling
        await harness.publisher.publish(RunProbe(name="too"))
        assert [one.subject for one in await harness.stored("PROBE")] == ["jobs.probe.run"] * 2


async def test_two_provisionings_do_not_make_it_anew_at_once(
    broker: Broker, tmp_path: Path, operator: Connection
) -> None:
    """One of them does, and both end well."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False), connected(broker) as other:
        told = await asyncio.gather(provision_broker(operator, BULK), provision_broker(other, BULK))
        assert sum("made anew" in line for lines in told for line in lines) == 1
        assert await retention(operator) == "limits"


async def test_what_somebody_has_still_to_say_about_the_old_queue_means_no_job_of_the_new_one(
    broker: Broker, tmp_path: Path, operator: Connection
) -> None:
    """A purge, a deletion and an acknowledgement that were on their way: sequences are never given out twice."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False, bulk=True) as harness:
        await harness.publisher.publish_many([RunProbe(name=f"old{number}") for number in range(20)])
        (old, *_) = await harness.stored("PROBE")
        state = await bulk_queue.look(operator, CONSUMER)
        assert state is not None
        await manage(operator, "STREAM.PURGE.PROBE", {"filter": "jobs.probe.>"})
        await provision_broker(operator, ONE_BY_ONE)
        await provision_broker(operator, BULK)
        await harness.publisher.publish_many([RunProbe(name=f"new{number}") for number in range(20)])
        late = Purge("jobs.probe.>", state.last + 1)
        await manage(operator, "STREAM.PURGE.PROBE", msgspec.to_builtins(late))
        operator.send(f"$JS.ACK.PROBE.probe.1.{old.sequence}.1.1.0".encode())
        await operator.flush()
        assert await count(operator, "PROBE") == 20


async def test_in_a_cluster_a_queue_keeps_its_kind(broker: Broker, tmp_path: Path, operator: Connection) -> None:
    """There the broker removes jobs in groups anyway; whichever it is, it is right."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False, bulk=True):
        assert await differences(operator, ONE_BY_ONE, replicas=3) != []
        assert not [line for line in await differences(operator, ONE_BY_ONE, replicas=3) if "retention" in line]
        assert [line for line in await differences(operator, ONE_BY_ONE) if "retention" in line]
