"""Publishing one job: a receipt means that the broker has it; anything else is an error that says what to do."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.email import SendEmail
from nightshift.broker import BrokerRefusedError, Connection, QueueFullError
from nightshift.broker.message import OutboundMessage
from nightshift.contract.wire import MAX_MESSAGE_BYTES
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.outbound import JobTooLargeError
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import RunProbe, eventually, probe_topology, stored

Publish = Callable[[Publisher], Coroutine[Any, Any, Any]]


async def test_many_at_the_same_time_keep_their_own_answers(publisher: Publisher, connection: Connection) -> None:
    """Each caller gets the receipt of its own job, and one that is a duplicate spoils no other."""
    ids = [f"j{number % 90}" for number in range(100)]
    receipts = await asyncio.gather(*(publisher.publish(RunProbe(name=job_id), job_id=job_id) for job_id in ids))
    assert [receipt.job_id for receipt in receipts] == ids
    assert sum(receipt.duplicate for receipt in receipts) == 10
    messages = {message.sequence: message.headers["Job-Id"] for message in await stored(connection, "PROBE")}
    assert len(messages) == 90
    assert all(messages[receipt.sequence] == receipt.job_id for receipt in receipts if not receipt.duplicate)


async def test_what_breaks_its_contract_is_refused_before_it_is_sent(
    publisher: Publisher, connection: Connection
) -> None:
    """A field set in Python is checked like one from the wire; the error names it."""
    wrong = SendEmail(to="a@example.com", subject="", body="<p>Hi</p>")
    sent = connection.stats["out_msgs"], connection._pending_data_size
    with pytest.raises(msgspec.ValidationError, match=r"\$\.subject"):
        await publisher.publish(wrong)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.subject"):
        await publisher.publish_later(wrong, delay=timedelta(1))
    with pytest.raises(msgspec.ValidationError, match=r"\$\.subject"):
        await publisher.publish_many([SendEmail(to="a@example.com", subject="Hi", body="x"), wrong])
    assert sent == (connection.stats["out_msgs"], connection._pending_data_size)


async def test_a_full_queue_refuses_at_once(publisher: Publisher, connection: Connection) -> None:
    """The producer is told, with the broker's code; nothing is stored and nothing is discarded."""
    await provision_broker(connection, probe_topology(StreamLimits(queue_bytes=10_000)))
    await publisher.publish_body("probe.run", b"x" * 8_000)
    started = time.monotonic()
    with pytest.raises(QueueFullError, match=r"jobs\.probe\.run: .* \(code 10077\); nothing was stored") as raised:
        await publisher.publish_body("probe.run", b"x" * 8_000)
    assert raised.value.code == 10077
    assert time.monotonic() - started < 3
    assert len(await stored(connection, "PROBE")) == 1


PUBLISHES: dict[str, Publish] = {
    "one": lambda publisher: publisher.publish(RunProbe(name="a")),
    "a batch": lambda publisher: publisher.publish_many([RunProbe(name="a"), RunProbe(name="b")]),
    "later": lambda publisher: publisher.publish_later(RunProbe(name="a"), delay=timedelta(1)),
    "cancel": lambda publisher: publisher.cancel("probe.run", "x"),
}


async def test_while_the_broker_is_away_each_is_unavailable_within_its_timeout(
    connection: Connection, broker: Broker
) -> None:
    """Whatever the call, the caller waits no longer than it said."""
    publisher = Publisher(connection, timeout_seconds=0.5)
    await broker.kill()
    try:
        await eventually(lambda: not connection.up.is_set(), what="the loss is noticed")
        for what, publish in PUBLISHES.items():
            started = time.monotonic()
            with pytest.raises(Unavailable, match="broker is unavailable"):
                await publish(publisher)
            assert time.monotonic() - started < 1.5, what
    finally:
        await broker.start()


async def test_a_subject_that_no_stream_takes_is_unavailable_with_advice(connection: Connection) -> None:
    """A service that does not exist, or that was never provisioned, is not silence."""
    with pytest.raises(Unavailable, match=r"nobody answers on jobs\.nobody\.run: no stream takes it .*provision"):
        await Publisher(connection, timeout_seconds=0.6).publish_body("nobody.run", b"{}")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Nats-Rollup", "all", 10111),
        ("Nats-Schedule", "@at 2040-01-01T00:00:00Z", 10188),
        ("Nats-TTL", "5s", 10166),
        ("Nats-Scheduler", "jobs.probe.x", 10212),
        ("Nats-Expected-Stream", "EMAIL", 10060),
        ("Nats-Incr", "1", 10168),
    ],
)
async def test_orders_to_the_broker_are_refused_by_a_queue(
    publisher: Publisher, connection: Connection, name: str, value: str, code: int
) -> None:
    """Whoever may publish jobs cannot delete, hide or delay those of others: the broker refuses such headers."""
    await publisher.publish(RunProbe(name="kept"))
    with pytest.raises(BrokerRefusedError, match="nothing was stored") as raised:
        await publisher.store(OutboundMessage("jobs.probe.run", {name: value}, b"{}"))
    assert raised.value.code == code
    assert len(await stored(connection, "PROBE")) == 1


async def test_line_breaks_in_headers_and_ids_inject_nothing(publisher: Publisher, connection: Connection) -> None:
    """They arrive as blanks within their own header, and the connection goes on."""
    attack = "x\r\nNats-Rollup: all\r\n\r\nPUB jobs.probe.run 2\r\n{}\r\n"
    await publisher.publish(RunProbe(name="kept"))
    await publisher.publish(RunProbe(name="a"), job_id=attack, headers={"traceparent": attack})
    _, message = await stored(connection, "PROBE")
    assert message.headers.keys() == {"Job-Id", "Nats-Msg-Id", "traceparent"}
    assert message.headers["traceparent"] == attack.replace("\r", " ").replace("\n", " ").strip()


async def test_our_own_count_of_bytes_is_the_brokers(publisher: Publisher, connection: Connection) -> None:
    """At the limit a message is stored, one byte more is refused: by the same number on both sides."""
    largest = OutboundMessage("jobs.probe.run", {"Job-Id": "größer", "note": "x"}, b"")
    largest = OutboundMessage(largest.subject, largest.headers, b"x" * (MAX_MESSAGE_BYTES - largest.size()))
    await publisher.store(largest)
    with pytest.raises(BrokerRefusedError, match="message size exceeds maximum allowed"):
        await publisher.store(OutboundMessage(largest.subject, largest.headers, largest.body + b"x"))
    assert [message.body for message in await stored(connection, "PROBE")] == [largest.body]


async def test_headers_that_no_message_can_have_are_refused(publisher: Publisher, connection: Connection) -> None:
    """Over 512 KB by us, with the sizes; over 64 KB by the broker; and the connection goes on."""
    with pytest.raises(JobTooLargeError, match=rf"bytes with headers; the limit is {MAX_MESSAGE_BYTES}"):
        await publisher.publish_body("probe.run", b"{}", headers={"note": "x" * MAX_MESSAGE_BYTES})
    with pytest.raises(BrokerRefusedError, match="header size exceeds maximum allowed of 64k"):
        await publisher.publish_body("probe.run", b"{}", headers={"note": "x" * 100_000})
    assert await stored(connection, "PROBE") == []


async def test_a_receipt_comes_only_after_the_broker_has_it(
    publisher: Publisher, connection: Connection, broker: Broker
) -> None:
    """What returned a receipt is there after the broker was killed."""
    receipts = await asyncio.gather(*(publisher.publish(RunProbe(name=str(number))) for number in range(50)))
    await broker.kill()
    await broker.start()
    await connection.ready(20)
    assert {message.headers["Job-Id"] for message in await stored(connection, "PROBE")} == {
        receipt.job_id for receipt in receipts
    }
