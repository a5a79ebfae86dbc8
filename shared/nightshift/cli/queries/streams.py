"""Single stored messages, and the state of streams and consumers."""

from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.errors import not_understood
from nightshift.broker.jetstream import manage
from nightshift.broker.message import StoredMessage
from nightshift.cli.terminal.exit_codes import REFUSED, CommandError

_NO_MESSAGE, _NO_STREAM, _NO_CONSUMER = 10037, 10059, 10014


class _Message(msgspec.Struct, frozen=True):
    """A message as the broker returns it; headers and body in base64."""

    subject: str
    time: str
    hdrs: bytes = b""
    data: bytes = b""


async def message_at(connection: Connection, stream: str, sequence: int) -> StoredMessage | None:
    """Return the message of a stream with this sequence; None if it is gone."""
    try:
        answer = await manage(connection, f"STREAM.MSG.GET.{stream}", {"seq": sequence})
    except BrokerRefusedError as refused:
        if refused.code == _NO_MESSAGE:
            return None
        raise
    try:
        message = msgspec.convert(answer.get("message"), _Message)
        stored_ns = direct_get.nanoseconds(message.time)
    except (ValueError, OverflowError):  # msgspec's error is a ValueError
        raise not_understood(f"STREAM.MSG.GET.{stream}") from None
    return StoredMessage(stream, message.subject, sequence, stored_ns, message.data, message.hdrs)


async def must_exist(connection: Connection, stream: str) -> None:
    """Check that a stream exists: the broker does not answer questions about the messages of one that does not.

    Raises:
        CommandError: there is no such stream; the text says how to create it.
    """
    await stream_info(connection, stream)


async def subjects_on(connection: Connection, stream: str, pattern: str) -> list[str]:
    """Return the subjects of a stream that have messages and match a pattern."""
    return list((await stream_info(connection, stream, subjects_filter=pattern))["state"].get("subjects") or ())


async def last_on(connection: Connection, stream: str, subject: str) -> StoredMessage | None:
    """Return the message on a subject that holds at most one (a schedule); None if there is none."""
    found = await direct_get.page(connection, stream, subject)
    return found[-1] if found else None


async def newest(connection: Connection, stream: str, count: int, *, after: int = 0) -> list[StoredMessage]:
    """Return the last messages of a stream after a sequence, at most `count`, the newest last.

    Reads little more than these, however large the stream is and whatever gaps its sequence has: it looks into a window
    before those found so far, which is doubled after it held too few, and halved after it held too many.

    Raises:
        CommandError: there is no such stream; the text says how to create it.
    """
    state = (await stream_info(connection, stream))["state"]
    first, end = max(int(state["first_seq"]), after + 1), int(state["last_seq"]) + 1
    found, width = list[StoredMessage](), count
    while len(found) < count and end > first:
        missing, start = count - len(found), max(first, end - width)
        window = await _window(connection, stream, start, end, missing + 1)
        if len(window) <= missing:
            found, end, width = window + found, start, width * 2
        else:
            width = max((end - start) // 2, missing)
    return found


async def _window(connection: Connection, stream: str, start: int, end: int, most: int) -> list[StoredMessage]:
    """Return the first messages of a range of sequences."""
    found = list[StoredMessage]()
    while start < end and len(found) < most:
        page = await direct_get.page(connection, stream, ">", start, batch=most - len(found))
        if not page:
            break
        found += [message for message in page if message.sequence < end]
        start = page[-1].sequence + 1
    return found


async def at_sequences(connection: Connection, stream: str, sequences: Sequence[int]) -> AsyncIterator[StoredMessage]:
    """Yield the messages with these sequences, which are in order, but for those that are gone."""
    wanted, position = set(sequences), 0
    while position < len(sequences):
        start = sequences[position]
        near = bisect_left(sequences, start + direct_get.PAGE) - position
        page = await direct_get.page(connection, stream, ">", start, batch=near)
        if not page:
            return
        for message in page:
            if message.sequence in wanted:
                yield message
        position = bisect_right(sequences, page[-1].sequence)


async def stream_info(connection: Connection, stream: str, **request: Any) -> dict[str, Any]:
    """Return the broker's information about a stream.

    Raises:
        CommandError: there is no such stream; the text says how to create it.
    """
    try:
        return await manage(connection, f"STREAM.INFO.{stream}", request or None)
    except BrokerRefusedError as refused:
        if refused.code == _NO_STREAM:
            raise CommandError(f"the broker has no stream {stream}: run `nightshift provision`", REFUSED) from None
        raise


async def consumer_info(connection: Connection, stream: str, consumer: str) -> dict[str, Any]:
    """Return the broker's information about a consumer.

    Raises:
        CommandError: there is no such consumer; the text says how to create it.
    """
    try:
        return await manage(connection, f"CONSUMER.INFO.{stream}.{consumer}")
    except BrokerRefusedError as refused:
        if refused.code in {_NO_STREAM, _NO_CONSUMER}:
            text = f"the broker has no consumer {consumer} on {stream}: run `nightshift provision`"
            raise CommandError(text, REFUSED) from None
        raise


def time_of(text: str) -> datetime | None:
    """Parse an instant as the broker writes it; None for its zero value."""
    if not text or text.startswith("0001-"):
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00")


def stored_at(message: StoredMessage) -> datetime:
    """Return when the broker stored a message."""
    return datetime.fromtimestamp(message.stored_ns / 1e9, UTC)
