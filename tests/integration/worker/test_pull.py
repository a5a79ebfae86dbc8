"""The continuous pull: never more than there is room for, and it goes on by itself whatever happens to the broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage
from nightshift.broker.parser import Receive
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Entry, Publisher
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.policies import DEFAULT_POLICIES, Policies
from nightshift.worker.pull import Pull
from nightshift.worker.pull_watch import PullWatch
from tests.harness import RunProbe, connected, eventually, probe_topology

NEXT = b"$JS.API.CONSUMER.MSG.NEXT.PROBE.probe"


class Puller:
    """A pull whose deliveries are kept in a list, and a producer."""

    def __init__(self, connection: Connection, policies: Policies) -> None:
        self.connection = connection
        self.publisher = Publisher(connection)
        self.received = list[Delivery]()
        self.pull = Pull(connection, "PROBE", "probe", self.received.extend, policies)
        self.requests: list[int] = []
        self._send = connection.send
        connection.send = self._note  # type: ignore[method-assign]  # listens to what the pull asks for

    def _note(self, subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        if subject == NEXT:
            self.requests.append(msgspec.json.decode(body)["batch"])
        self._send(subject, body, reply, header)

    async def publish(self, count: int) -> None:
        """Publishes so many jobs."""
        await asyncio.gather(*(self.publisher.publish(RunProbe(name=str(number))) for number in range(count)))

    async def until_received(self, count: int, *, asking: int = 0) -> None:
        """Waits for so many deliveries, asking again and again as a worker does."""

        def enough() -> bool:
            if asking:
                self.pull.request(asking)
            return len(self.received) >= count

        await eventually(enough, what=f"{count} deliveries, got {len(self.received)}")

    async def consumer(self) -> dict[str, int]:
        """The broker's view of the consumer."""
        return await manage(self.connection, "CONSUMER.INFO.PROBE.probe")


@pytest.fixture
def policies(request: pytest.FixtureRequest) -> Policies:
    """The waits of a worker in service, unless the test has its own."""
    return getattr(request, "param", DEFAULT_POLICIES)


@pytest.fixture
async def puller(broker: Broker, policies: Policies) -> AsyncIterator[Puller]:
    """A pull of its own, started, on an empty queue and a new consumer."""
    async with connected(broker, "probe") as connection:
        declared = probe_topology()
        await provision_broker(connection, declared)
        await manage(connection, "CONSUMER.DELETE.PROBE.probe")
        await manage(connection, "STREAM.PURGE.PROBE")
        await provision_broker(connection, declared)
        puller = Puller(connection, policies)
        connection.on_reconnect.append(puller.pull.renew)
        await puller.pull.start()
        yield puller
        await puller.pull.stop()


async def test_it_gets_no_more_than_it_asked_for(puller: Puller) -> None:
    """A slow worker hoards nothing: what it has no slot for stays for the others."""
    await puller.publish(20)
    puller.pull.request(5)
    await puller.until_received(5)
    await puller.connection.flush()
    info = await puller.consumer()
    assert (len(puller.received), info["num_ack_pending"], info["num_pending"]) == (5, 5, 15)
    assert puller.pull.outstanding == 0
    assert puller.pull.has_more
    puller.pull.request(15)
    await puller.until_received(20)
    assert not puller.pull.has_more


async def test_it_asks_again_when_half_has_come(puller: Puller) -> None:
    """Not for each job, and never for more than the target in all."""
    puller.pull.request(10)
    puller.pull.request(10)
    await puller.publish(4)
    await puller.until_received(4)
    puller.pull.request(10)
    assert puller.requests == [10]
    await puller.publish(1)
    await puller.until_received(5)
    puller.pull.request(10)
    assert puller.requests == [10, 5]
    assert puller.pull.outstanding == 10


@pytest.mark.parametrize("target", [0, -3])
async def test_without_room_it_asks_for_nothing(puller: Puller, target: int) -> None:
    """All slots are taken, or more than all."""
    puller.pull.request(target)
    assert puller.requests == []


async def test_small_completions_pile_up_no_requests(puller: Puller) -> None:
    """However often a worker asks, only a few requests wait at the broker: it keeps 512 of one consumer."""
    most = 0
    for target in (1, 2, 3, 5, 8, 10, 12, 15, 20):
        puller.pull.request(target)
    for _ in range(60):
        await puller.publish(2)
        puller.pull.request(20)
        most = max(most, (await puller.consumer())["num_waiting"])
    await puller.until_received(120, asking=20)
    assert 0 < most <= 8
    assert len(puller.requests) < 30


async def test_it_goes_on_after_a_restart_of_the_broker(puller: Puller, broker: Broker) -> None:
    """The broker forgets its requests; what is published after the restart arrives all the same."""
    puller.pull.request(5)
    await puller.connection.flush()
    await broker.restart()
    await puller.connection.ready(20)
    await puller.publish(3)
    await puller.until_received(3, asking=5)


async def test_a_consumer_that_was_deleted_is_waited_for(puller: Puller, caplog: pytest.LogCaptureFixture) -> None:
    """It asks twice a second and says so once in a while; made anew, the consumer is pulled without a restart."""
    puller.pull.request(5)
    await puller.connection.flush()
    await manage(puller.connection, "CONSUMER.DELETE.PROBE.probe")
    started = time.monotonic()

    def refused_again() -> bool:
        puller.pull.request(5)
        return len(puller.requests) >= 4

    await eventually(refused_again, what="it asks again")
    assert time.monotonic() - started > 1
    said = [record.getMessage() for record in caplog.records if getattr(record, "event", "") == "pull_refused"]
    assert len(said) == 2
    assert "Consumer Deleted" in said[0]
    assert "has `nightshift provision` been run?" in said[1]
    await provision_broker(puller.connection, probe_topology())
    await puller.publish(2)
    await puller.until_received(2, asking=5)


async def test_a_paused_consumer_makes_it_wait_and_not_spin(puller: Puller) -> None:
    """One request stays open however often the worker asks; after the pause the jobs come by themselves."""
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await manage(puller.connection, "CONSUMER.PAUSE.PROBE.probe", {"pause_until": until})
    await puller.publish(3)
    for _ in range(50):
        puller.pull.request(5)
        await puller.connection.flush()
    assert (puller.requests, puller.received) == ([5], [])
    await manage(puller.connection, "CONSUMER.PAUSE.PROBE.probe", {})
    await puller.publish(1)
    await puller.until_received(4, asking=5)


@pytest.mark.parametrize("policies", [Policies(pull_heartbeat_seconds=1.0)], indirect=True)
async def test_after_too_long_a_silence_it_begins_anew(puller: Puller) -> None:
    """No job and no heartbeat: the request is gone; a new inbox, a new request."""
    puller.pull.request(5)
    inbox = puller.pull._inbox
    puller.pull.check(puller.pull.last_heard + 2.4)
    assert puller.pull._inbox == inbox
    puller.pull.check(puller.pull.last_heard + 2.6)
    await eventually(lambda: puller.pull.open, what="it begins anew")
    assert puller.pull._inbox != inbox
    assert puller.pull.outstanding == 0
    await puller.publish(2)
    await puller.until_received(2, asking=5)


@pytest.mark.parametrize("policies", [Policies(pull_heartbeat_seconds=0.1)], indirect=True)
async def test_heartbeats_keep_a_quiet_pull_open(puller: Puller) -> None:
    """An empty queue is no silence."""
    puller.pull.request(5)
    asked = puller.pull.last_heard
    await eventually(lambda: puller.pull.last_heard > asked + 0.15, what="a heartbeat is heard")
    assert (puller.pull.outstanding, puller.requests) == (5, [5])


async def test_without_an_open_request_silence_means_nothing(puller: Puller) -> None:
    """A worker whose slots are full has asked for nothing and hears nothing."""
    inbox = puller.pull._inbox
    puller.pull.check(puller.pull.last_heard + 1000)
    assert puller.pull._inbox == inbox


async def test_a_late_answer_to_an_old_request_is_not_counted(puller: Puller) -> None:
    """The broker's last words about a forgotten request do not reduce what the new one has asked for."""
    puller.pull.request(2)
    old = puller.pull._inbox
    puller.pull.renew()
    await eventually(lambda: puller.pull.open, what="it begins anew")
    puller.pull.request(5)
    answer = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 2\r\n\r\n"
    puller.connection.send(old, b"", b"", answer)
    await puller.connection.flush()
    assert puller.pull.outstanding == 5
    puller.connection.send(puller.pull._inbox, b"", b"", answer)
    await puller.connection.flush()
    assert puller.pull.outstanding == 3


@pytest.mark.parametrize("policies", [Policies(pull_expires_seconds=0.3, pull_heartbeat_seconds=0.1)], indirect=True)
async def test_a_request_that_expires_is_asked_anew(puller: Puller) -> None:
    """The broker answers 408 with what was left of it: nothing is outstanding then."""
    puller.pull.request(5)
    await eventually(lambda: puller.pull.outstanding == 0, what="it expires")
    await puller.publish(1)
    await puller.until_received(1, asking=5)


async def test_a_job_that_looks_like_a_control_message_is_a_job(puller: Puller) -> None:
    """Headers are whatever a producer typed; a control message is known by its missing reply subject."""
    puller.pull.request(5)
    for header in (b"NATS/1.0\r\nStatus: 408\r\n\r\n", b"NATS/1.0 409 Consumer Deleted\r\n\r\n"):
        puller.connection.send(b"jobs.probe.run", b"", b"", header)
    await puller.until_received(2)
    assert puller.pull.outstanding == 3
    assert puller.pull.open


async def test_nonsense_in_its_inbox_does_not_disturb_it(puller: Puller) -> None:
    """Anybody who may publish there can send anything: the pull goes on."""
    puller.pull.request(5)
    for reply in (b"$JS.ACK.x", b"$JS.ACK.S.c.a.b.c.d.e", b"$JS.ACK.\xff.c.1.1.1.1.1", b""):
        puller.connection.send(
            puller.pull._inbox, b"", reply, b"NATS/1.0 408\r\nNats-Pending-Messages: \xc2\xb2\r\n\r\n"
        )
    await puller.publish(2)
    await puller.until_received(2, asking=5)


async def test_after_stop_nothing_comes_and_nothing_was_lost(puller: Puller) -> None:
    """What the broker had sent by then has been received; what is published later stays in the queue."""
    await puller.publisher.publish_many([Entry(RunProbe(name=str(number))) for number in range(200)])
    puller.pull.request(500)
    await puller.pull.stop()
    received = len(puller.received)
    await puller.publish(3)
    info = await puller.consumer()
    assert (len(puller.received), info["num_ack_pending"]) == (received, received)
    puller.pull.request(5)
    assert puller.requests == [500]


async def test_it_can_be_stopped_while_it_begins_anew(puller: Puller) -> None:
    """Nothing is left listening."""
    puller.pull.renew()
    await puller.pull.stop()
    assert not puller.pull.open
    assert puller.pull._sid not in puller.connection.direct


def _fail_to_listen(puller: Puller, times: int) -> list[str]:
    """Make the connection refuse the next subscriptions; return the list of those that it was asked for."""
    asked, listen = list[str](), puller.connection.listen

    async def refuse(subject: str, receive: Receive, queue: str = "") -> int:
        asked.append(subject)
        if len(asked) <= times:
            raise OSError("no route to host")
        return await listen(subject, receive, queue)

    puller.connection.listen = refuse  # type: ignore[method-assign]  # stands in for a network that fails just then
    return asked


async def test_a_pull_that_cannot_open_again_tries_until_it_can(
    puller: Puller, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not stay deaf: readiness says what is wrong meanwhile, and the next jobs are received."""
    metrics = Metrics()
    watch = PullWatch([puller.pull], puller.connection, CircuitBreaker({}, metrics), metrics)
    await watch.ask()
    asked = _fail_to_listen(puller, 3)
    puller.pull.renew()
    await eventually(lambda: puller.pull.failure, what="the first failure")
    with pytest.raises(Unavailable, match="PROBE is not pulled: no route to host"):
        await watch.ask()

    def opened() -> bool:
        puller.pull.check(time.monotonic())
        return puller.pull.open

    await eventually(opened, what="the pull is open again")
    assert len(asked) == 4
    await watch.ask()
    await puller.publish(3)
    await puller.until_received(3, asking=10)
    assert caplog.text.count("PROBE: it is not pulled: no route to host; trying again") == 1


async def test_a_pull_that_cannot_open_again_can_be_stopped(puller: Puller) -> None:
    """And stays stopped."""
    asked = _fail_to_listen(puller, 100)
    puller.pull.renew()
    await eventually(lambda: puller.pull.failure, what="the first failure")
    await puller.pull.stop()
    puller.pull.check(time.monotonic())
    await asyncio.sleep(0)
    assert len(asked) == 1
    assert not puller.pull.open
