"""One connection to the broker: it waits, comes back, answers in time, and no message can fell it."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from nightshift.broker import BrokerRefusedError, Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Unavailable
from tests.harness import connected, eventually


@pytest.fixture(scope="module")
async def connection(broker: Broker) -> AsyncIterator[Connection]:
    """A connection that outlives whatever the tests do to the broker."""
    async with connected(broker) as opened:
        yield opened


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that a connection reports, said or not."""
    heard: list[str] = []
    original = Connection.heard_error

    async def hear(self: Connection, error: Exception) -> None:
        heard.append(repr(error))
        await original(self, error)

    monkeypatch.setattr(Connection, "heard_error", hear)
    return heard


def said(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    """What was logged under this event."""
    return [record for record in caplog.records if getattr(record, "event", "") == event]


def open_files() -> int:
    """How many files and sockets this process has open; 0 where that cannot be told."""
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0  # noqa: PTH208 - a count


async def test_it_waits_for_a_broker_that_is_away_and_says_so_once(
    tmp_path: Path, errors: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A service may start before its broker: it tries twice a second, and says so once in half a minute."""
    broker = Broker(tmp_path)
    await broker.start()
    await broker.kill()
    connecting = asyncio.create_task(connect(ProcessSettings(nats_url=broker.url), name="early"))
    try:
        await eventually(lambda: len(errors) >= 3, what="three tries")
        assert not connecting.done()
        records = said(caplog, "broker_error")
        assert len(records) == 1
        assert "Connect call failed" in records[0].getMessage()
        await broker.start()
        connection = await asyncio.wait_for(connecting, 10)
        await connection.close()
    finally:
        connecting.cancel()
        await broker.kill()


async def test_errors_that_take_turns_are_each_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """With several servers each try meets another error: the log still need not repeat them."""
    connection = Connection()
    for _ in range(3):
        for server in ("one", "two", "three"):
            await connection.heard_error(OSError(f"cannot reach {server}"))
    assert len(said(caplog, "broker_error")) == 3


async def test_it_gives_up_after_the_time_it_was_given_and_leaves_nothing() -> None:
    """Whoever cannot wait for ever gets an error that says how the last attempt failed."""
    tasks, files = asyncio.all_tasks(), open_files()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    url = f"nats://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    with pytest.raises(Unavailable, match=r"no connection within 0\.3 s; the last attempt: no answer"):
        await connect(ProcessSettings(nats_url=url), name="hasty", wait_seconds=0.3)
    silent.close()
    with pytest.raises(Unavailable, match=r"the last attempt: .*Connect call failed"):
        await connect(ProcessSettings(nats_url=url), name="hasty", wait_seconds=0.3)
    await eventually(lambda: asyncio.all_tasks() <= tasks, what="no task is left")
    assert open_files() <= files


@pytest.mark.parametrize("away", [False, True], ids=["broker there", "broker away"])
async def test_after_close_no_task_and_no_socket_is_left(broker: Broker, away: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Also when requests were made, subscriptions are open, and something is still to be sent."""
    tasks, files = asyncio.all_tasks(), open_files()
    connection = await connect(ProcessSettings(nats_url=broker.url), name="short")
    await manage(connection, "INFO")
    await connection.listen(connection.new_inbox(), lambda *_: None)
    if away:
        await broker.kill()
        await eventually(lambda: not connection.up.is_set(), what="the loss is noticed")
    connection.send(b"jobs.lost", b"{}")
    await connection.close()
    assert connection.closed.is_set()
    if away:
        await broker.start()
    await eventually(lambda: asyncio.all_tasks() <= tasks, what="no task is left")
    assert open_files() <= files


async def test_a_request_during_an_outage_is_unavailable_within_its_timeout(
    broker: Broker, connection: Connection
) -> None:
    """Asked while the broker is away, or asked of one that does not answer: the caller never waits longer."""
    broker.pause()
    try:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer to \$JS.API.INFO within 0\.3 s"):
            await connection.ask("$JS.API.INFO", b"", timeout_seconds=0.3)
        assert time.monotonic() - started < 2
    finally:
        broker.resume()
    await broker.kill()
    try:
        await eventually(lambda: not connection.up.is_set(), what="the loss is noticed")
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await connection.ask("$JS.API.INFO", b"", timeout_seconds=0.3)
        with pytest.raises(Unavailable, match=r"not connected for 0\.1 s"):
            await connection.ready(0.1)
        assert time.monotonic() - started < 2
    finally:
        await broker.start()
    await connection.ready(10)


async def test_it_comes_back_after_a_restart_with_all_its_subscriptions(broker: Broker, connection: Connection) -> None:
    """Requests, listeners and whoever asked to be told: all go on by themselves."""
    received: list[bytes] = []
    told: list[int] = []
    sid = await connection.listen("hello.>", lambda _subject, _reply, _header, body: received.append(body))
    connection.on_reconnect.append(lambda: told.append(1))
    await broker.restart()
    await eventually(lambda: told, what="it is told of the reconnect")
    await connection.ready(10)
    await manage(connection, "INFO")
    connection.send(b"hello.again", b"here")
    await eventually(lambda: received == [b"here"], what="the subscription lives on")
    await connection.unlisten(sid)
    connection.on_reconnect.clear()


async def test_what_is_sent_during_an_outage_arrives_after_it(broker: Broker, connection: Connection) -> None:
    """Acknowledgements need not be kept by their sender."""
    received: list[bytes] = []
    sid = await connection.listen("late.>", lambda _subject, _reply, _header, body: received.append(body))
    await connection.flush()
    await broker.kill()
    await eventually(lambda: not connection.up.is_set(), what="the loss is noticed")
    connection.send(b"late.one", b"1")
    connection.send(b"late.two", b"2")
    await broker.start()
    await eventually(lambda: received == [b"1", b"2"], what="both arrive, in order")
    await connection.unlisten(sid)


async def test_flush_returns_when_the_broker_has_what_was_sent_before(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ping does not overtake the commands before it: what is published next meets the new subscription."""
    written: list[bytes] = []
    transport: Any = connection._transport
    write, writelines = transport.write, transport.writelines

    def keep_one(part: bytes) -> None:
        written.append(part)
        write(part)

    def keep_all(parts: list[bytes]) -> None:
        written.extend(parts)
        writelines(parts)

    monkeypatch.setattr(transport, "write", keep_one)
    monkeypatch.setattr(transport, "writelines", keep_all)
    connection.send(b"before", b"1")
    await connection.flush()
    sent = b"".join(written)
    assert -1 < sent.find(b"PUB before") < sent.find(b"PING")


async def test_an_answer_to_a_ping_that_nobody_waits_for_does_not_end_the_reading(
    broker: Broker, connection: Connection
) -> None:
    """A broker that hangs for longer than somebody's patience is no reason to become deaf."""
    broker.pause()
    try:
        with pytest.raises(TimeoutError):
            await connection.flush(timeout=0.2)  # type: ignore[arg-type]  # it takes fractions
    finally:
        broker.resume()
    await manage(connection, "INFO")
    await connection.flush()


async def test_a_message_over_the_brokers_limit_is_kept_back(connection: Connection) -> None:
    """Sent, it would cost the connection for good: it is refused with the two sizes, and the connection goes on."""
    with pytest.raises(
        BrokerRefusedError, match=r"jobs\.big: 1048577 bytes exceed the broker's max_payload of 1048576"
    ):
        await connection.ask("jobs.big", b"x" * (1024 * 1024 + 1))
    await manage(connection, "INFO")


ODD_MESSAGES: dict[str, Callable[[str], bytes]] = {
    "subject with a form feed": lambda token: b"PUB odd.%b.\x0c 1\r\nx\r\n" % token.encode(),
    "subject that is no UTF-8": lambda token: b"PUB odd.%b.\xff\xfe 1\r\nx\r\n" % token.encode(),
    "reply that is no UTF-8": lambda token: b"PUB odd.%b \xff 1\r\nx\r\n" % token.encode(),
    "header block of garbage": lambda token: b"HPUB odd.%b 14 15\r\nNATS/1.0\xff\r\n\r\nxx\r\n" % token.encode(),
    "header that looks like a control message": lambda token: (
        b"HPUB odd.%b 25 26\r\nNATS/1.0\r\nStatus: 408\r\n\r\nx\r\n" % token.encode()
    ),
}


@pytest.mark.parametrize("what", ODD_MESSAGES)
@pytest.mark.parametrize("direct", [True, False], ids=["listener", "subscription of the library"])
async def test_no_message_fells_the_reader(broker: Broker, connection: Connection, what: str, direct: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """What the broker lets anybody publish is received, and so is what comes after it."""
    received: list[bytes] = []
    token = "d" if direct else "s"
    async with connected(broker, "odd") as sender:
        if direct:
            sid = await connection.listen(f"odd.{token}.>", lambda _s, _r, _h, body: received.append(body))
            sid_plain = await connection.listen(f"odd.{token}", lambda _s, _r, _h, body: received.append(body))
        else:
            one = await connection.subscribe(f"odd.{token}.>")
            other = await connection.subscribe(f"odd.{token}")
        await connection.flush()
        assert sender._transport
        sender._transport.write(ODD_MESSAGES[what](token))
        await sender.flush()
        if direct:
            await eventually(lambda: received, what="it is received")
            await connection.unlisten(sid)
            await connection.unlisten(sid_plain)
        else:
            await eventually(lambda: one.pending_msgs + other.pending_msgs, what="it is received")
            await one.unsubscribe()
            await other.unsubscribe()
    await manage(connection, "INFO")


async def test_it_never_gives_up_whatever_the_library_would_do(broker: Broker) -> None:
    """The library's own limits (60 tries, two seconds apart) have no part in it: tries are not counted at all."""
    async with connected(broker) as connection:
        await broker.kill()
        await eventually(lambda: not connection.up.is_set(), what="the loss is noticed")
        for server in connection._server_pool:
            server.reconnects = 1_000_000
        before = connection._server_pool[0].reconnects
        await eventually(lambda: connection._server_pool[0].reconnects > before, what="it tries on")
        assert not connection.closed.is_set()
        await broker.start()
        await connection.ready(10)
