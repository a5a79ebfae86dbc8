"""An answer that is lost with the connection is not waited for: others must not stand behind it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.transport import TcpTransport

from nightshift.broker import Connection, direct_get
from nightshift.broker.errors import AnswerLostError
from nightshift.broker.jetstream import manage, store
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from tests.harness import RunProbe, connected, count, eventually, probe_topology


@pytest.fixture
async def connection(broker: Broker) -> AsyncIterator[Connection]:
    """A connection to a broker that has the streams of the service `probe`."""
    async with connected(broker) as opened:
        await provision_broker(opened, probe_topology())
        await manage(opened, "STREAM.PURGE.PROBE")
        yield opened


async def _frozen_then_killed(broker: Broker, connection: Connection) -> None:
    """Lets the broker stand still with requests under way, kills it, and starts it again."""
    while not connection._waiting:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    await broker.kill()
    await broker.start()


async def test_a_publish_whose_answer_was_lost_is_made_again_after_the_reconnect(
    broker: Broker, connection: Connection
) -> None:
    """It has an id, so it cannot become two; its caller waits no longer than the broker is away."""
    broker.pause()
    started = time.monotonic()
    publishing = asyncio.create_task(Publisher(connection).publish(RunProbe(name="a"), job_id="one"))
    await _frozen_then_killed(broker, connection)
    receipt = await publishing
    assert time.monotonic() - started < 8, "it waited for an answer that could not come"
    assert receipt.stream == "PROBE"
    assert await count(connection, "PROBE") == 1


async def test_a_message_without_an_id_is_not_sent_twice(broker: Broker, connection: Connection) -> None:
    """Its sender is told at once that nobody knows whether it was stored."""
    broker.pause()
    storing = asyncio.create_task(store(connection, "jobs.probe.run", {}, b"{}"))
    await _frozen_then_killed(broker, connection)
    with pytest.raises(AnswerLostError, match=r"connection was lost before the answer to jobs\.probe\.run came"):
        await storing


async def test_a_batch_whose_answer_was_lost_is_completed_singly(broker: Broker, connection: Connection) -> None:
    """The commit alone would be refused, which means that nothing was stored: that cannot be known."""
    broker.pause()
    jobs = [RunProbe(name=str(number)) for number in range(30)]
    publishing = asyncio.create_task(Publisher(connection).publish_many(jobs))
    await _frozen_then_killed(broker, connection)
    assert len(await publishing) == 30
    assert await count(connection, "PROBE") == 30


async def test_a_page_of_a_stream_is_not_waited_for(broker: Broker, connection: Connection) -> None:
    """Its reader is told of the outage at once."""
    broker.pause()
    reading = asyncio.create_task(direct_get.page(connection, "PROBE", ">"))
    await _frozen_then_killed(broker, connection)
    with pytest.raises(AnswerLostError, match=r"before the answer to \$JS\.API\.DIRECT\.GET\.PROBE came"):
        await reading


async def test_each_try_at_a_broker_that_stands_still_is_closed(
    broker: Broker, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections and never greets: none of them is left open."""
    ways: list[asyncio.StreamWriter | None] = []
    original = TcpTransport.connect

    async def noted(self: TcpTransport, *args: Any, **kwargs: Any) -> None:
        await original(self, *args, **kwargs)
        ways.append(self._bare_io_writer)

    monkeypatch.setattr(TcpTransport, "connect", noted)
    connection.options["connect_timeout"] = 0.2
    broker.pause()
    assert connection._transport is not None
    connection._transport.close()  # type: ignore[no-untyped-call]  # as above
    await eventually(lambda: len(ways) >= 3, what="three tries")
    broker.resume()
    await connection.up.wait()
    assert all(way is not None and way.is_closing() for way in ways[:2])
