"""One delivery: what its acknowledgement subject says, and the answers it takes."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from nightshift.broker.delivery import Delivery, read

_NUMBERS = st.integers(0, 2**63 - 1)
_TOKEN = st.from_regex(r"[A-Za-z0-9_]{1,10}", fullmatch=True)


class FakeConnection:
    """Records what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes]] = []

    def send(self, subject: bytes, body: bytes = b"") -> None:
        """As `Connection.send`."""
        self.sent.append((subject, body))


def _read(reply: str) -> Delivery:
    connection: Any = FakeConnection()
    return read(connection, b"jobs.email.send", reply.encode(), b"", b"{}")


@given(st.sampled_from([9, 11, 12]), _TOKEN, _TOKEN, st.lists(_NUMBERS, min_size=5, max_size=5))
def test_it_reads_an_acknowledgement_subject_as_the_library_does(
    tokens: int, stream: str, consumer: str, numbers: list[int]
) -> None:
    """Nine tokens, or eleven and twelve with domain and account (ADR-15): the same numbers as nats-py finds."""
    numbers[3] = min(numbers[3], 2**61)  # the library makes a datetime of it
    where = [] if tokens == 9 else ["_", "ACCOUNT"]
    end = ["random"] if tokens == 12 else []
    reply = ".".join(["$JS", "ACK", *where, stream, consumer, *map(str, numbers), *end])
    ours, theirs = _read(reply), Msg.Metadata._from_reply(reply)
    assert (ours.stream, ours.sequence, ours.delivered, ours.pending) == (
        theirs.stream,
        theirs.sequence.stream,
        theirs.num_delivered,
        theirs.num_pending,
    )
    assert ours.stored_ns == numbers[3]
    assert abs(ours.stored_ns / 1e9 - theirs.timestamp.timestamp()) < 1e-3


def test_subject_headers_and_body_are_kept_as_they_came() -> None:
    """Bytes that are no UTF-8 included."""
    connection: Any = FakeConnection()
    raw = b"NATS/1.0\r\nJob-Id: \xff\r\n\r\n"
    delivery = read(connection, b"jobs.\xff", b"$JS.ACK.S.c.1.2.3.4.5", raw, b"\x00")
    assert delivery.subject.encode("utf-8", "surrogateescape") == b"jobs.\xff"
    assert (delivery.headers, delivery.body) == ({"Job-Id": "\udcff"}, b"\x00")


def test_two_stored_messages_have_different_origins() -> None:
    """Stream, sequence and store time in nanoseconds: a stream that is made anew counts from 1 again."""
    assert _read("$JS.ACK.S.c.1.2.3.4.5").origin() == "S:2:4"
    assert _read("$JS.ACK.S.c.9.2.9.4.9").origin() == "S:2:4"
    assert _read("$JS.ACK.S.c.1.2.3.5.5").origin() != "S:2:4"


@pytest.mark.parametrize(
    ("delay", "nanoseconds"),
    [
        (timedelta(seconds=1.5), 1_500_000_000),
        (timedelta(0), 1),
        (timedelta(seconds=-3), 1),
        (timedelta(days=3), 259_200 * 10**9),
    ],
)
def test_a_nak_always_has_a_delay(delay: timedelta, nanoseconds: int) -> None:
    """Without one the broker delivers again at once, and burns all attempts in milliseconds."""
    connection: Any = FakeConnection()
    read(connection, b"s", b"$JS.ACK.S.c.1.2.3.4.5", b"", b"").nak(delay)
    subject, body = connection.sent[0]
    assert subject == b"$JS.ACK.S.c.1.2.3.4.5"
    kind, _, argument = body.partition(b" ")
    assert (kind, msgspec.json.decode(argument)) == (b"-NAK", {"delay": nanoseconds})


def test_done_and_still_working_are_told_on_the_acknowledgement_subject() -> None:
    """An empty answer acknowledges, `+WPI` starts the time anew."""
    connection: Any = FakeConnection()
    delivery = read(connection, b"s", b"$JS.ACK.S.c.1.2.3.4.5", b"", b"")
    delivery.progress()
    delivery.ack()
    assert [body for _, body in connection.sent] == [b"+WPI", b""]
