"""The broker's streams are saved while jobs come, and go on in another broker: one, or three."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.errors import NoRespondersError

from deploy import stream_copies, streams
from deploy.standstill import StillBusyError, standstill
from deploy.stream_copies import _send, _taken_back
from deploy.streams import WrongFolderError, load_all, save_all
from nightshift.broker import Connection
from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage
from nightshift.broker.message import Reply
from nightshift.database import migrate
from nightshift.embedded.servers.broker import Broker
from nightshift.housekeeping.loop import Timing
from nightshift.messaging.job import Job
from nightshift.topology.provisioning import provision_broker
from nightshift.worker.pull import Pull
from tests.chaos.cluster import Cluster, provisioned
from tests.harness import (
    Harness,
    RunProbe,
    cancelled,
    connected,
    count,
    eventually,
    probe_topology,
    set_ack_wait,
    with_housekeeping,
    working,
)
from tests.integration.worker.probes import record
from tests.servers import running

DECLARED = probe_topology()
SOON = timedelta(seconds=4)
WATCHFUL = Timing(sweep_seconds=0.5, overdue_after=timedelta(seconds=0.5))
"""A schedule that comes due while it is copied does not fire: the sweep sees to it."""


@asynccontextmanager
async def another(folder: Path) -> AsyncIterator[Broker]:
    """A broker with nothing in it."""
    async with running(Broker(folder)) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a worker elsewhere."""
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


@asynccontextmanager
async def elsewhere(broker: Broker, folder: Path) -> AsyncIterator[Harness]:
    """A worker on the streams that a broker has, and on an empty database: whatever it is given is done, once."""
    await migrate(f"sqlite+aiosqlite:///{folder / 'nightshift.db'}")
    async with (
        working(broker, None, folder, {RunProbe: record}, fresh=False, timing=WATCHFUL) as harness,
        with_housekeeping(harness),
    ):
        yield harness


async def replicas(connection: Connection, stream: str) -> int:
    """How many copies a stream should have."""
    return int((await manage(connection, f"STREAM.INFO.{stream}"))["config"]["num_replicas"])


async def test_jobs_move_to_three_brokers_and_back(broker: Broker, tmp_path: Path, folder: Path) -> None:
    """Those that wait, that are for later, and dead letters; afterwards each is done once."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        for number in range(50):
            await harness.publisher.publish(RunProbe(name=f"now-{number}"))
        await harness.publisher.publish_later(RunProbe(name="later"), delay=SOON)
        await harness.raw("dead.probe.run", b"{}")
        await save_all(harness.connection, tmp_path / "there", 5)
    cluster = Cluster(tmp_path / "cluster", tmp_path)
    await cluster.start()
    try:
        async with connected(cluster) as three:  # type: ignore[arg-type]  # it has an address, as a broker has
            await load_all(three, tmp_path / "there", 3)
            await provision_broker(three, DECLARED, replicas=3)
            assert [await replicas(three, stream) for stream in ("PROBE", "PROBE_LATER", "PROBE_DLQ")] == [3, 3, 3]
            assert await count(three, "PROBE") >= 50
            await save_all(three, tmp_path / "back", 5)
    finally:
        await cluster.kill()
    async with another(tmp_path / "two") as back:
        async with connected(back) as connection:
            await load_all(connection, tmp_path / "back", 1)
            assert await provision_broker(connection, DECLARED) == []
            assert await count(connection, "PROBE_DLQ") == 1
        async with elsewhere(back, folder) as harness:
            await eventually(lambda: _all_done(harness, 51), what="all is done", timeout_seconds=60)
            assert len(await harness.effects()) == 51


async def test_what_brokers_take_no_more_of_is_begun_anew(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the leader of a stream changes before it is sent anything: what was begun is taken back first."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        for number in range(50):
            await harness.publisher.publish(RunProbe(name=f"now-{number}"))
        await save_all(harness.connection, tmp_path / "there", 5)
    begun = list[str]()

    async def send(connection: Connection, target: str, file: Path) -> Reply:
        begun.append(file.stem)
        if file.stem == "PROBE" and begun.count("PROBE") == 1:
            raise NoRespondersError
        return await _send(connection, target, file)

    monkeypatch.setattr(stream_copies, "_send", send)
    cluster = Cluster(tmp_path / "cluster", tmp_path)
    await cluster.start()
    try:
        async with connected(cluster) as three:  # type: ignore[arg-type]  # it has an address, as a broker has
            await load_all(three, tmp_path / "there", 3)
            assert (begun.count("PROBE"), begun.count("PROBE_DLQ")) == (2, 1)
            assert await count(three, "PROBE") == 50
    finally:
        await cluster.kill()


async def test_a_stream_that_holds_something_is_never_taken_back(broker: Broker, tmp_path: Path) -> None:
    """Nor replaced: what was there before stays."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="there"))
        assert not await _taken_back(harness.connection, "PROBE")
        assert await count(harness.connection, "PROBE") == 1
        assert await _taken_back(harness.connection, "NOBODYS")


async def _all_done(harness: Harness, jobs: int) -> bool:
    return len(set(await harness.effects())) == jobs


async def test_a_copy_under_load_has_every_job_that_was_not_done(broker: Broker, tmp_path: Path, folder: Path) -> None:
    """Of those accepted before it; meanwhile producers are not refused, and afterwards jobs are done again."""
    accepted = list[str]()

    async def publish(harness: Harness) -> None:
        while True:
            name = f"job-{len(accepted)}"
            await harness.publisher.publish(RunProbe(name=name))
            accepted.append(name)
            await asyncio.sleep(0.01)

    async with working(broker, None, tmp_path, {RunProbe: record}) as harness:
        publishing = asyncio.create_task(publish(harness))
        await eventually(lambda: len(accepted) > 200, what="jobs come")
        before = set(accepted)
        async with connected(broker, "operator") as operator:
            await save_all(operator, tmp_path / "copy", 10)
        done = set(await harness.effects())
        at_end = len(accepted)
        await eventually(lambda: len(accepted) > at_end + 100, what="producers go on")
        await cancelled(publishing)
        await harness.empty()
        assert set(accepted) <= set(await harness.effects())
    async with another(tmp_path / "two") as other:
        async with connected(other) as connection:
            await load_all(connection, tmp_path / "copy", 1)
        async with elsewhere(other, folder) as harness:
            await harness.empty()
            assert before - done <= set(await harness.effects())


async def test_what_somebody_paused_stays_paused_and_the_rest_goes_on(broker: Broker, tmp_path: Path) -> None:
    """At the broker that was saved, and at the one that goes on with it."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await manage(harness.connection, "CONSUMER.PAUSE.PROBE.probe", {"pause_until": until})
        await save_all(harness.connection, tmp_path / "copy", 5)
        async with another(tmp_path / "two") as other, connected(other) as connection:
            await load_all(connection, tmp_path / "copy", 1)
            for one in (harness.connection, connection):
                paused = {
                    stream: (await manage(one, f"CONSUMER.INFO.{stream}.probe")).get("paused", False)
                    for stream in ("PROBE", "CRON")
                }
                assert paused == {"PROBE": True, "CRON": False}
        await manage(harness.connection, "CONSUMER.PAUSE.PROBE.probe", {})


async def test_a_consumer_stands_still_though_the_broker_that_leads_it_does_not_answer(tmp_path: Path) -> None:
    """One of three is frozen: for some seconds the others tell nothing of what it leads, and that is not nothing."""
    async with (
        provisioned(tmp_path, DECLARED) as (cluster, connection),
        cluster.frozen_leader(connection, "CONSUMER", "PROBE.probe"),
    ):
        answer = await manage(connection, "CONSUMER.LIST.PROBE", timeout_seconds=10)
        assert answer["missing"] == ["probe"]
        async with standstill(connection, ["PROBE"], 5) as still:
            assert still == {"PROBE": ["probe"]}


async def test_a_job_that_takes_too_long_ends_the_copy_and_is_named(broker: Broker, tmp_path: Path) -> None:
    """Nothing is left behind, and consumers go on."""
    release = asyncio.Event()

    async def slow(_message: RunProbe, _job: Job) -> None:
        await release.wait()

    async with working(broker, None, tmp_path, {RunProbe: slow}) as harness:
        await harness.publisher.publish(RunProbe(name="slow"))
        async with connected(broker, "operator") as operator:

            async def in_flight() -> bool:
                return bool((await manage(operator, "CONSUMER.INFO.PROBE.probe"))["num_ack_pending"])

            await eventually(in_flight, what="the job is in flight")
            with pytest.raises(StillBusyError, match="1 of probe on PROBE"):
                await save_all(operator, tmp_path / "copy", 0.3)
            assert not (await manage(operator, "CONSUMER.INFO.PROBE.probe")).get("paused")
        assert not (tmp_path / "copy").exists()
        release.set()
        await harness.settled(1)


async def test_a_job_that_was_released_is_copied_though_nobody_takes_it_up(
    broker: Broker, tmp_path: Path, folder: Path
) -> None:
    """The last worker stopped amid it: to the broker it is unacknowledged until it may be delivered again."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="released"))
        await set_ack_wait(harness.connection, 1)
        (delivery,) = await _pulled(harness)
        delivery.nak(timedelta())
        await harness.connection.flush()
        assert (await manage(harness.connection, "CONSUMER.INFO.PROBE.probe"))["num_ack_pending"] == 1
        await save_all(harness.connection, tmp_path / "copy", 10)
    async with another(tmp_path / "two") as other:
        async with connected(other) as connection:
            await load_all(connection, tmp_path / "copy", 1)
        async with elsewhere(other, folder) as harness:
            await eventually(lambda: _all_done(harness, 1), what="it is done")


async def test_a_job_whose_worker_tells_of_it_is_in_flight_however_long(broker: Broker, tmp_path: Path) -> None:
    """Progress begins the broker's wait anew, and the copy's with it."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="long"))
        await set_ack_wait(harness.connection, 1)
        (delivery,) = await _pulled(harness)

        async def work() -> None:
            while True:
                delivery.progress()
                await asyncio.sleep(0.2)

        working_on = asyncio.create_task(work())
        with pytest.raises(StillBusyError, match="1 of probe on PROBE"):
            await save_all(harness.connection, tmp_path / "copy", 3)
        await cancelled(working_on)


async def _pulled(harness: Harness) -> list[Delivery]:
    """One delivery, taken as a worker takes it."""
    received: list[Delivery] = []
    pull = Pull(harness.connection, "PROBE", "probe", received.extend)
    await pull.start()
    pull.request(1)
    await eventually(lambda: bool(received), what="it is delivered")
    await pull.stop()
    return received


async def test_a_damaged_copy_and_a_broker_with_streams_are_refused(broker: Broker, tmp_path: Path) -> None:
    """Before anything is made."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await save_all(harness.connection, tmp_path / "copy", 5)
        with pytest.raises(WrongFolderError, match=r"the broker has .*PROBE.* already"):
            await load_all(harness.connection, tmp_path / "copy", 1)
    with (tmp_path / "copy" / "PROBE.data").open("ab") as file:
        file.write(b"x")
    async with another(tmp_path / "two") as other, connected(other) as connection:
        with pytest.raises(WrongFolderError, match=r"is damaged: PROBE\.data"):
            await load_all(connection, tmp_path / "copy", 1)
        assert (await manage(connection, "STREAM.NAMES"))["streams"] is None


async def test_the_command_line_says_what_it_did(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is wrong, in a sentence."""
    async with working(broker, None, tmp_path, {RunProbe: record}, start=False):
        pass
    environ = {"NATS_URL": broker.url}
    folder = str(tmp_path / "copy")
    assert await asyncio.to_thread(streams.main, ["save", folder], environ) == 0
    assert "PROBE: 0 messages" in capsys.readouterr().out
    assert await asyncio.to_thread(streams.main, ["load", str(tmp_path / "nothing")], environ) == 2
    assert "holds no whole backup" in capsys.readouterr().err
