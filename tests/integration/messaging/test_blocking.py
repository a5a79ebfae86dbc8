"""`BlockingPublisher` publishes from plain synchronous code, on a real broker."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from nightshift import BlockingPublisher, ProcessSettings, Unavailable
from nightshift.broker import Connection
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.testing import InMemoryPublisher
from tests.harness import RunProbe, stored
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
