"""`BlockingPublisher` publishes from plain synchronous code, on a real broker."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift import BlockingPublisher, ProcessSettings, Unavailable
from nightshift.broker import Connection
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.awaiting import JobDeadError
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent
from nightshift.testing import InMemoryPublisher
from tests.harness import RunProbe, stored, working
from tests.repository import ROOT

PROBE = RunProbe(name="blocking")


@pytest.fixture
async def publisher(connection: Connection, broker: Broker) -> AsyncIterator[BlockingPublisher]:
    """A publisher that has not connected yet."""
    del connection  # it is provisioned
    made = BlockingPublisher(ProcessSettings(nats_url=broker.url))
    yield made
    await asyncio.to_thread(made.close)


async def test_any_thread_publishes_by_one_connection(publisher: BlockingPublisher) -> None:
    """Twenty threads at once, each with a receipt of its own."""

    def publish_all() -> list[int]:
        with ThreadPoolExecutor(20) as threads:
            return [one.sequence for one in threads.map(lambda _: publisher.publish(PROBE), range(20))]

    assert len(set(await asyncio.to_thread(publish_all))) == 20


async def test_a_job_for_later_can_be_taken_back(publisher: BlockingPublisher) -> None:
    """Once; a batch is stored all at once."""

    def work() -> list[bool]:
        publisher.publish_later(PROBE, delay=timedelta(hours=1), job_id="later-17")
        assert len(publisher.publish_many([PROBE, PROBE])) == 2
        return [publisher.cancel("probe.run", "later-17") for _ in range(2)]

    assert await asyncio.to_thread(work) == [True, False]


FORK = """
import os, sys
from nightshift import BlockingPublisher, ProcessSettings
from tests.harness import RunProbe
publisher = BlockingPublisher(ProcessSettings(nats_url=sys.argv[1]))
publisher.publish(RunProbe(name="parent"))
child = os.fork()
print(publisher.publish(RunProbe(name="forked" if not child else "parent")).sequence > 0, flush=True)
if child:
    os.waitpid(child, 0)
"""


async def test_a_forked_process_makes_a_connection_of_its_own(connection: Connection, broker: Broker) -> None:
    """As the workers of a web server that loads the application before it forks."""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}", "PYTHONWARNINGS": "ignore"}
    process = await create_subprocess_exec(sys.executable, "-c", FORK, broker.url, env=environ, stdout=PIPE)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()

    assert output.split() == [b"True", b"True"]
    names = [json.loads(message.body)["name"] for message in await stored(connection, "PROBE")]
    assert sorted(names) == ["forked", "parent", "parent"]


async def test_it_connects_anew_after_it_was_closed(publisher: BlockingPublisher) -> None:
    """Closing is for the end, or for a while."""

    def work() -> bool:
        publisher.publish(PROBE)
        publisher.close()
        publisher.close()
        with publisher:
            return publisher.publish(PROBE).sequence > 0

    assert await asyncio.to_thread(work)


async def test_a_broker_that_is_away_is_told_in_time() -> None:
    """And the next job tries again."""
    (port,) = free_ports(1)
    away = BlockingPublisher(ProcessSettings(nats_url=f"nats://127.0.0.1:{port}"), timeout_seconds=0.2)

    def work() -> None:
        with away:
            for _ in range(2):
                with pytest.raises(Unavailable, match="no connection within"):
                    away.publish(PROBE)

    await asyncio.to_thread(work)


def test_a_publisher_in_memory_takes_its_place() -> None:
    """Tests need no broker, and see what was published."""
    memory = InMemoryPublisher()
    with BlockingPublisher(publisher=memory) as publisher:
        receipt = publisher.publish(PROBE, job_id="welcome-17", tenant="acme")

    assert [job.job_id for job in memory.published] == [receipt.job_id] == ["welcome-17"]


class Counted(msgspec.Struct):
    """What the probe returns."""

    number: int


async def _count(message: RunProbe, job: Job) -> None:
    if message.name == "refuse":
        raise Permanent("never")
    if message.name == "stay":
        await asyncio.sleep(60)
    job.result = {"number": message.number}


async def test_a_thread_waits_for_what_a_job_returns(broker: Broker, tmp_path: Path) -> None:
    """As the type that it names; or for how the job ended otherwise."""

    def wait() -> tuple[list[int], object]:
        with BlockingPublisher(ProcessSettings(nats_url=broker.url)) as made, ThreadPoolExecutor(8) as threads:

            def number_of(number: int) -> int:
                probe = RunProbe(name="count", number=number)
                return made.publish_and_wait(probe, Counted, timeout_seconds=20).number

            numbers = list(threads.map(number_of, range(8)))
            with pytest.raises(JobDeadError, match="permanent"):
                made.publish_and_wait(RunProbe(name="refuse"), Counted, timeout_seconds=20)
            return numbers, made.publish_and_wait(RunProbe(name="count", number=9), timeout_seconds=20)

    async with working(broker, None, tmp_path, {RunProbe: _count}) as harness:
        await harness.listen()
        assert await asyncio.to_thread(wait) == (list(range(8)), {"number": 9})


async def test_closing_ends_what_still_waits(publisher: BlockingPublisher) -> None:
    """The thread that waited is told so, and does not hang."""

    def wait() -> object:
        return publisher.publish_and_wait(PROBE, timeout_seconds=600)

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await asyncio.to_thread(publisher.publish, PROBE)  # it is connected
    await asyncio.to_thread(publisher.close)
    with pytest.raises(Unavailable, match="closed meanwhile"):
        await waiting


def test_a_test_says_what_a_job_returns() -> None:
    """Without a broker."""
    memory = InMemoryPublisher()
    memory.results["probe.run"] = {"number": 17}
    with BlockingPublisher(publisher=memory) as made:
        assert made.publish_and_wait(PROBE, Counted, timeout_seconds=1) == Counted(17)
