"""Stored messages are read as they are: what a producer typed is never taken for the broker's own word."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from nightshift.broker import Connection, direct_get
from nightshift.broker.jetstream import manage, store
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Unavailable
from tests.harness import connected

STREAM = "READ"


@pytest.fixture
async def connection(broker: Broker) -> AsyncIterator[Connection]:
    """A connection, and an empty stream on `read.>`."""
    async with connected(broker) as connection:
        await manage(
            connection, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["read.>"], "allow_direct": True}
        )
        yield connection
        await manage(connection, f"STREAM.DELETE.{STREAM}")


TYPED = {
    "the broker's own names": {
        "Nats-Subject": "x",
        "Nats-Sequence": "99999",
        "Nats-Time-Stamp": "q",
        "Nats-Stream": "y",
    },
    "a status": {"Status": "204", "Description": "EOB"},
    "nothing": {},
    "an id": {"Job-Id": "one", "X-Team": "red"},
}


@pytest.mark.parametrize("headers", TYPED.values(), ids=TYPED)
async def test_a_stored_message_is_read_as_it_was_published(connection: Connection, headers: dict[str, str]) -> None:
    """Subject, sequence and time are the broker's; the headers are the producer's, without what the broker adds."""
    receipt = await store(connection, "read.a", headers, b"body")
    (by_sequence,) = await direct_get.read_all(connection, STREAM)
    found = await direct_get.read_last(connection, STREAM, ["read.a", "read.none"])
    (by_subject,) = found.values()
    for message in (by_sequence, by_subject):
        assert (message.stream, message.subject, message.sequence) == (STREAM, "read.a", receipt.seq)
        assert (message.headers, message.body) == (headers, b"body")
        assert message.stored_ns > 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    "block", [b"garbage\x00\xff\r\n\r\n", b"NATS/1.0\r\nA: b", b"NATS/1.0 503\r\n\r\n", b"NATS/1.0 204 EOB\r\n\r\n"]
)
async def test_a_broken_block_of_headers_hides_no_message(connection: Connection, block: bytes) -> None:
    """Neither the one that has it nor those behind it, however they are asked for."""
    connection.send(b"read.a", b"first", b"", block)
    await connection.flush()
    await store(connection, "read.b", {}, b"second")
    bodies = [message.body async for message in direct_get.read_each(connection, STREAM)]
    assert bodies == [b"first", b"second"]
    found = await direct_get.read_last(connection, STREAM, ["read.a", "read.b"])
    assert {subject: message.body for subject, message in found.items()} == {"read.a": b"first", "read.b": b"second"}


async def test_the_newest_of_many_subjects_are_read_however_large_they_are(connection: Connection) -> None:
    """More subjects than one request may name, more bytes than one answer holds; the newest on each."""
    subjects = [f"read.{number}" for number in range(1_100)]
    for subject in subjects:
        connection.send(subject.encode(), b"old")
    for subject in subjects[::100]:
        await store(connection, subject, {}, b"x" * 700_000)
    found = await direct_get.read_last(connection, STREAM, subjects)
    assert set(found) == set(subjects)
    assert [len(found[subject].body) for subject in subjects[::100]] == [700_000] * 11
    assert found["read.1"].body == b"old"


async def test_a_stream_that_does_not_exist_is_named_with_what_to_do(connection: Connection) -> None:
    """It would be wrong to say that it is empty."""
    for question in (
        direct_get.read_all(connection, "NONE"),
        direct_get.read_last(connection, "NONE", ["read.a"]),
    ):
        with pytest.raises(Unavailable, match=r"no stream NONE answers \(has `nightshift provision` been run\?\)"):
            await question


async def test_who_has_seen_enough_leaves_no_question_behind(connection: Connection) -> None:
    """The next page, which is on its way already, is nobody's task any more."""
    for number in range(3):
        await store(connection, f"read.{number}", {}, b"")
    before = asyncio.all_tasks()
    reading = direct_get.pages(connection, STREAM, batch=1)
    await anext(reading)
    await reading.aclose()
    assert asyncio.all_tasks() == before


async def test_a_stored_message_cannot_be_acknowledged(connection: Connection) -> None:
    """Nobody delivered it, so there is nobody to answer."""
    await store(connection, "read.a", {}, b"")
    (message,) = await direct_get.read_all(connection, STREAM)
    assert not {"ack", "nak", "progress", "reply"} & set(dir(message))
