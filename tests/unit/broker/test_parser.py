"""The reader of the protocol: every message whole and in order, however its bytes arrive; no garbage fells it."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import DEFAULT_BUFFER_SIZE
from nats.errors import ProtocolError
from nats.protocol.parser import Parser as LibraryParser

from nightshift.broker.parser import Parser

Event = tuple[Any, ...]


class FakeConnection:
    """Records what the parser makes of the bytes; subscription 1 is a direct one, every other the library's."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.direct = {1: self._take}

    def _take(self, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        self.events.append(("message", 1, subject, reply, header, body))

    async def deliver(self, sid: int, subject: bytes, reply: bytes, header: bytes, body: bytes) -> None:
        """As `Connection.deliver`."""
        self.events.append(("message", sid, subject, reply, header, body))

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, header: bytes | None) -> None:
        self.events.append(("message", sid, bytes(subject), bytes(reply), header or b"", data))

    async def _process_ping(self) -> None:
        self.events.append(("ping",))

    async def _process_pong(self) -> None:
        self.events.append(("pong",))

    async def _process_err(self, text: str) -> None:
        self.events.append(("error", text))

    async def _process_info(self, info: Any) -> None:
        self.events.append(("info", info["server_id"]))


def _message(sid: int, subject: bytes, reply: bytes, header: bytes, body: bytes) -> tuple[bytes, Event]:
    words = [subject, b"%d" % sid, *([reply] if reply else [])]
    if header:
        line = [b"HMSG", *words, b"%d" % len(header), b"%d" % (len(header) + len(body))]
    else:
        line = [b"MSG", *words, b"%d" % len(body)]
    return b" ".join(line) + b"\r\n" + header + body + b"\r\n", ("message", sid, subject, reply, header, body)


_TOKENS = st.binary(min_size=1, max_size=12).filter(lambda raw: not set(raw) & set(b" \t\r\n"))
_HEADERS = st.just(b"") | st.binary(max_size=40).map(lambda raw: b"NATS/1.0\r\n" + raw + b"\r\n\r\n")
_MESSAGES = st.builds(
    _message,
    st.integers(1, 3),
    _TOKENS | st.sampled_from([b"jobs.email.send", b"jobs.\x0c.x", b"jobs.\xff\xfe", "jobs.ü".encode()]),
    st.just(b"") | _TOKENS,
    _HEADERS,
    st.just(b"") | st.binary(max_size=60) | st.sampled_from([b"\r\n", b"MSG a 1 0\r\n\r\n", b"PING\r\n"]),
)
_OPERATIONS: list[tuple[bytes, Event | None]] = [
    (b"PING\r\n", ("ping",)),
    (b"PONG\r\n", ("pong",)),
    (b"+OK\r\n", None),
    (
        b"-ERR 'Permissions Violation for Publish to \"a b\"'\r\n",
        ("error", "'permissions violation for publish to \"a b\"'"),
    ),
    (b'INFO {"server_id":"A B"}\r\n', ("info", "A B")),
]
_STREAMS = st.lists(_MESSAGES | st.sampled_from(_OPERATIONS), max_size=8)


def _cut(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


async def _events(chunks: Sequence[bytes]) -> list[Event]:
    connection: Any = FakeConnection()
    parser = Parser(connection, connection.direct)
    for chunk in chunks:
        await parser.parse(chunk)
    events: list[Event] = connection.events
    return events


@given(_STREAMS, st.lists(st.integers(0, 2000), max_size=12))
async def test_any_split_into_chunks_gives_the_same_messages(
    stream: list[tuple[bytes, Event | None]], cuts: list[int]
) -> None:
    """How the network cuts the bytes changes nothing: every message arrives whole, once, in order."""
    raw = b"".join(part for part, _ in stream)
    assert await _events(_cut(raw, cuts)) == [event for _, event in stream if event]


@given(_STREAMS)
async def test_every_byte_may_come_alone(stream: list[tuple[bytes, Event | None]]) -> None:
    """The smallest chunks there are."""
    raw = b"".join(part for part, _ in stream)
    assert await _events([bytes([byte]) for byte in raw]) == [event for _, event in stream if event]


_PLAIN = st.builds(
    _message,
    st.integers(1, 3),
    st.from_regex(r"[a-z0-9_.]{1,20}", fullmatch=True).map(str.encode),
    st.just(b"") | st.from_regex(r"[a-zA-Z0-9_.$]{1,20}", fullmatch=True).map(str.encode),
    _HEADERS,
    st.binary(max_size=60),
)


@given(st.lists(_PLAIN | st.sampled_from(_OPERATIONS), max_size=8), st.lists(st.integers(0, 1000), max_size=5))
async def test_it_agrees_with_the_librarys_parser(stream: list[tuple[bytes, Event | None]], cuts: list[int]) -> None:
    """On what is well formed it does what the parser does that it stands in for."""
    chunks = _cut(b"".join(part for part, _ in stream), cuts)
    connection = FakeConnection()
    library = LibraryParser(connection)
    for chunk in chunks:
        await library.parse(chunk)
    assert await _events(chunks) == connection.events


@given(st.lists(st.binary(max_size=80), max_size=4), st.booleans())
@example([b"MSG a\r\n"], False)
@example([b"MSG a b c d e 1\r\n"], False)
@example([b"MSG a x 1\r\n."], True)
@example([b"MSG a 1 -5\r\n"], False)
@example([b"MSG a 1 " + b"9" * 5000 + b"\r\n"], False)
@example([b"MSG a 1 99999999999999\r\n"], False)
@example([b"HMSG a 1 5\r\n"], False)
@example([b"HMSG a 1 9 5\r\n12345"], True)
@example([b"HMSG\r\n"], False)
@example([b"MSG \r\n"], False)
@example([b"INFO {\r\n"], False)
@example([b"INFO []\r\n"], False)
@example([b"INFO \xff\r\n"], False)
@example([b"\r\n"], False)
@example([b"msg a 1 0\r\n"], True)
@example([b"-ERR \xff\r\n"], False)
async def test_garbage_raises_a_protocol_error_and_nothing_else(chunks: list[bytes], ended: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
    """Any other exception would end the client's read loop for good; after this one it connects anew."""
    try:
        await _events([*chunks, b"\r\n"] if ended else chunks)
    except ProtocolError:
        return


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"MSG a 1\r\n",
        b"MSG a 1 2 3 4\r\n",
        b"MSG a b 0\r\n\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1 67108865\r\n",
        b"HMSG a 1 9 5\r\n12345\r\n",
        b"MSGX a 1 0\r\n\r\n",
        b"INFO {\r\n",
        b"INFO 5\r\n",
        b"x" * (1 << 20) + b"x",
    ],
)
async def test_what_is_not_the_protocol_is_a_protocol_error(garbage: bytes) -> None:
    """A line that nats-server never sends is not guessed at."""
    with pytest.raises(ProtocolError):
        await _events([garbage])


async def test_a_receiver_that_fails_loses_its_own_message_only() -> None:
    """Whatever goes wrong with one message, the reading goes on."""
    connection: Any = FakeConnection()

    def fail(*_message: bytes) -> None:
        raise IndexError("a fault of ours")

    connection.direct = {2: fail, 1: connection.direct[1]}
    await Parser(connection, connection.direct).parse(b"MSG a 2 1\r\nx\r\nMSG b 1 1\r\ny\r\n")
    assert connection.events == [("message", 1, b"b", b"", b"", b"y")]


async def test_a_big_message_is_put_together_once() -> None:
    """Its pieces are kept as they came until all are there: joining at each piece would cost quadratic time."""
    connection: Any = FakeConnection()
    parser = Parser(connection, connection.direct)
    pieces = [bytes([number % 256]) * 1000 for number in range(1000)]
    await parser.parse(b"MSG a 1 1000000\r\n")
    for piece in pieces:
        await parser.parse(piece)
    assert [kept is piece for kept, piece in zip(parser._held[1:], pieces, strict=True)] == [True] * 1000
    await parser.parse(b"\r\n")
    assert connection.events == [("message", 1, b"a", b"", b"", b"".join(pieces))]
    assert parser._held == []


async def test_a_reset_amid_a_chunk_is_not_undone() -> None:
    """An error that breaks the connection resets the reader: what stood behind it must not meet the next connection."""
    connection: Any = FakeConnection()
    parser = Parser(connection, connection.direct)

    async def broken(_text: str) -> None:
        parser.reset()

    connection._process_err = broken
    await parser.parse(b"-ERR 'Stale Connection'\r\nMSG a 1 5\r\n12")
    await parser.parse(b"PING\r\n")
    assert connection.events == [("ping",)]


async def test_who_waits_for_the_end_of_a_read_is_called_when_its_last_message_was_taken() -> None:
    """Once, and in the same turn of the event loop: what came alone is worked off without delay."""
    connection: Any = FakeConnection()
    seen, direct = list[int](), dict[int, Any]()
    parser = Parser(connection, direct)
    direct[1] = lambda *_: parser.at_end(lambda: seen.append(len(connection.events)))
    direct[2] = connection._take
    await parser.parse(b"MSG a 1 1\r\nx\r\nMSG b 2 1\r\ny\r\nMSG b 2 1\r\n")
    assert seen == [1]
    await parser.parse(b"z\r\n")
    assert seen == [1]


async def test_where_a_read_took_all_that_it_could_the_next_one_comes_along() -> None:
    """More has come than one read takes: it is handed over together, in the event loop's next turn at the latest."""
    connection: Any = FakeConnection()
    parser, seen = Parser(connection, connection.direct), list[int]()
    message = b"MSG a 1 1000\r\n" + b"x" * 1000 + b"\r\n"
    read = (message * 40)[:DEFAULT_BUFFER_SIZE]
    parser.at_end(lambda: seen.append(len(connection.events)))
    await parser.parse(read)
    assert seen == []
    await parser.parse((message * 40)[DEFAULT_BUFFER_SIZE:])
    assert seen == [40]
    parser.at_end(lambda: seen.append(len(connection.events)))
    await parser.parse(read)
    await asyncio.sleep(0)
    assert seen == [40, 40 + len(read) // len(message)]


@pytest.mark.parametrize("read", [b"MSG b 1 1\r\ny\r\n", b"no protocol\r\n"])
async def test_nobody_is_left_waiting_for_the_end_of_a_read(read: bytes) -> None:
    """Whatever goes wrong with one of those who wait, or with the read itself, the others are called."""
    connection: Any = FakeConnection()
    parser, seen = Parser(connection, connection.direct), list[str]()

    def fail() -> None:
        raise IndexError("a fault of ours")

    parser.at_end(fail)
    parser.at_end(lambda: seen.append("called"))
    with contextlib.suppress(ProtocolError):
        await parser.parse(read)
    assert seen == ["called"]
