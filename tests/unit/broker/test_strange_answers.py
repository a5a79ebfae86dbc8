"""Whatever answers in the broker's place: an exception that the callers know, and nothing else; readers never raise."""

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection, direct_get
from nightshift.broker.asked import Take
from nightshift.broker.errors import refusal
from nightshift.broker.headers import encode
from nightshift.broker.jetstream import Stored, manage, store
from nightshift.broker.message import Reply, StoredMessage
from nightshift.housekeeping.overdue import due_at
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import check_version

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ERRORS = st.fixed_dictionaries(
    {}, optional={"code": _JSON, "err_code": _JSON | st.sampled_from([10077, 10047, 10060]), "description": _JSON}
)
_OBJECTS = st.fixed_dictionaries(
    {}, optional={"stream": _JSON, "seq": _JSON, "duplicate": _JSON, "error": _ERRORS | _JSON, "type": _JSON}
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    (_OBJECTS | _JSON).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 100_000, b'{"error":' * 50_000, b'{"seq":' + b"9" * 5_000 + b"}", b'{"a":"\\ud800"}', b"\xff"]
    ),
)
_SEQUENCES = st.sampled_from([b"1", b"", b"-1", b"x", b"9" * 5_000, "\u0663".encode(), b"1.5"]) | st.binary(max_size=6)
_INSTANTS = st.sampled_from(
    [b"2026-07-24T09:41:00.123456789Z", b"", b"0001-01-01T00:00:00Z", b"2026-07-24T09:41:00.x", b"9999-12-31T23:59:59Z"]
) | st.binary(max_size=12)


class Stranger:
    """Answers each question with one body; one whose answer is many messages, with blocks of headers."""

    def __init__(self, body: bytes = b"", blocks: list[bytes] | None = None) -> None:
        self._body, self._blocks = body, blocks or []
        self.api = "$JS.API"
        self.up = asyncio.Event()
        self.up.set()
        self.unanswered: dict[str, float] = {}

    def was_silent(self, _stream: str) -> bool:
        """It always answers."""
        return False

    async def ask(self, *_arguments: Any, **_options: Any) -> Reply:
        """The body."""
        return Reply({}, self._body)

    async def ask_for_many(
        self, _subject: str, _body: bytes, take: Take, complete: asyncio.Future[list[StoredMessage]]
    ) -> list[StoredMessage]:
        """All blocks at once."""
        for block in [*self._blocks, b"NATS/1.0 204 EOB\r\n\r\n"]:
            if not complete.done():
                take(block, b"{}")
        return await complete


def _connection(stranger: Stranger) -> Connection:
    return cast("Connection", stranger)


@given(body=_BODIES)
@settings(max_examples=200)
async def test_any_answer_to_a_publish_is_a_receipt_or_a_known_error(body: bytes) -> None:
    """What is not the broker's acknowledgement never passes for one."""
    try:
        stored = await store(_connection(Stranger(body)), "jobs.email.send", {}, b"{}")
    except (Unavailable, BrokerRefusedError):
        return
    assert isinstance(stored, Stored)
    assert stored.stream
    assert json.loads(body)["stream"] == stored.stream


@given(body=_BODIES)
@settings(max_examples=200)
async def test_any_answer_to_a_management_call_is_an_object_or_a_known_error(body: bytes) -> None:
    """Garbage is an outage, in words that say what was asked."""
    try:
        answer = await manage(_connection(Stranger(body)), "STREAM.INFO.EMAIL")
    except Unavailable as outage:
        told = str(outage)
    except BrokerRefusedError:
        return
    else:
        assert isinstance(answer, dict)
        return
    assert told.startswith("broker is unavailable: ")


@given(error=_ERRORS | _JSON)
def test_any_error_object_has_an_exception(error: object) -> None:
    """A code that is no number, a description that is no text, no object at all."""
    assert isinstance(refusal("jobs.email.send", error), (BrokerRefusedError, Unavailable))


def _block(subject: bytes, sequence: bytes, stored: bytes) -> bytes:
    return b"NATS/1.0\r\nNats-Subject: %b\r\nNats-Sequence: %b\r\nNats-Time-Stamp: %b\r\n\r\n" % (
        subject,
        sequence,
        stored,
    )


_BLOCKS = st.builds(_block, st.sampled_from([b"later.email.send.a", b"\xff", b"a"]), _SEQUENCES, _INSTANTS) | st.binary(
    max_size=40
)


@given(blocks=st.lists(_BLOCKS, max_size=3))
@settings(max_examples=200)
async def test_any_page_of_a_stream_is_messages_or_an_outage(blocks: list[bytes]) -> None:
    """The reader behind it must not fall over a header: its other messages would be lost."""
    try:
        found = await direct_get.page(_connection(Stranger(blocks=blocks)), "EMAIL_LATER", "later.email.>")
    except Unavailable:
        return
    assert all(isinstance(one, StoredMessage) for one in found)


@pytest.mark.parametrize("status", ["100", "400", "408 Empty Request", "409", "429 Too Many", "500", "503", "200", "x"])
@pytest.mark.parametrize("page", [1, 2])
async def test_any_status_but_the_end_of_a_page_is_an_outage(status: str, page: int) -> None:
    """A stream that is cut short there would look as if it had no more: `doctor` and the sweeps would believe it."""
    whole = [_block(b"later.email.send.a", b"1", b"2026-07-24T09:41:00Z")]
    blocks = [*whole * (page - 1), f"NATS/1.0 {status}\r\n\r\n".encode()]
    with pytest.raises(Unavailable):
        await direct_get.page(_connection(Stranger(blocks=blocks)), "EMAIL_LATER", "later.email.>")


@given(version=st.text(st.characters(), max_size=20) | st.from_regex(r"v?\d{1,30}\.\d{1,30}(\.\d+)?"))
def test_any_version_is_new_enough_or_too_old(version: str) -> None:
    """What a broker says about itself."""
    try:
        check_version(version)
    except BrokerTooOldError as told:
        words = str(told)
    else:
        return
    assert "2.14 or later is needed" in words


@given(order=st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.datetimes().map("@at {}".format))
@pytest.mark.parametrize("more", ["", "+23:59", "-23:59", "Z"])
def test_any_order_to_wait_has_an_instant_or_none(order: str, more: str) -> None:
    """Also at the ends of the calendar, where a zone leads beyond them."""
    due = due_at({"Nats-Schedule": order + more})
    assert due is None or due.utcoffset() is not None
    assert encode({"x": "y"})
