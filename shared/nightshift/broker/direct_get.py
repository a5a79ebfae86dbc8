"""The one reader of stored messages: page by page, without a consumer (JetStream direct get, ADR-31).

The broker appends its own headers to those that the producer typed, who may have typed the same names: the last of a
name is the broker's.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

from nightshift.broker.connection import Connection
from nightshift.broker.errors import NotPermittedError, not_understood
from nightshift.broker.headers import DESCRIPTION, STATUS, decode
from nightshift.broker.message import StoredMessage
from nightshift.outcomes import Unavailable

PAGE = 256
PAGE_BYTES = 4 * 1024 * 1024
_SUBJECTS_PER_REQUEST = 500  # of 1,024 at most, for which the broker answers
_TIMEOUT_SECONDS = 10.0
_UNTIL_SENT = 3
"""Turns of the event loop until a request is on its way: it is asked, it is queued, it is written."""
_END_OF_PAGE, _NOTHING_FOUND, _NO_RESPONDERS = "204", "404", "503"
_SUBJECT, _SEQUENCE, _STORED_AT = b"\r\nNats-Subject: ", b"\r\nNats-Sequence: ", b"\r\nNats-Time-Stamp: "
_FIRST_APPENDED = b"Nats-Stream: "
"""It begins a line, unless the producer's own block was cut short."""


async def read_each(
    connection: Connection, stream: str, subject: str = ">", *, sequence: int = 1
) -> AsyncIterator[StoredMessage]:
    """Yield every message from a sequence on, read page by page.

    Raises:
        Unavailable: as `page`.
    """
    while messages := await page(connection, stream, subject, sequence):
        for message in messages:
            yield message
        sequence = messages[-1].sequence + 1


async def read_all(connection: Connection, stream: str, subject: str = ">") -> list[StoredMessage]:
    """Return every message of a stream that is small enough to be held in memory.

    Raises:
        Unavailable: as `page`.
    """
    return [message async for message in read_each(connection, stream, subject)]


async def read_last(connection: Connection, stream: str, subjects: Iterable[str]) -> dict[str, StoredMessage]:
    """Return the newest message on each of these subjects that has one; wildcards are not allowed.

    Raises:
        Unavailable: as `page`.
    """
    left, newest = list(subjects), dict[str, StoredMessage]()
    while left:
        wanted = left[:_SUBJECTS_PER_REQUEST]
        found = await _request(connection, stream, {"multi_last": wanted, "batch": len(wanted)})
        newest |= {message.subject: message for message in found}
        # An answer that grows too large ends early: what it left out is asked for again.
        unanswered = [subject for subject in wanted if subject not in newest] if found else []
        left = [*unanswered, *left[_SUBJECTS_PER_REQUEST:]]
    return newest


async def read_newest(connection: Connection, stream: str, subject: str) -> StoredMessage | None:
    """Return the newest message on a subject without wildcards; None when there is none.

    The subject is a part of the request's own, so that a user can be permitted to read some subjects and no others.

    Raises:
        Unavailable: as `page`.
    """
    found = await _exchange(connection, f"{stream}.{subject}", b"", _Answer(stream, most=1))
    return found[0] if found else None


async def read_at(connection: Connection, stream: str, sequence: int) -> StoredMessage | None:
    """Return the message with a sequence; None when it is gone.

    Raises:
        Unavailable: as `page`.
    """
    found = await _exchange(connection, stream, json.dumps({"seq": sequence}).encode(), _Answer(stream, most=1))
    return found[0] if found else None


async def first_since(connection: Connection, stream: str, at: datetime) -> int | None:
    """Return the sequence of the first message that was stored at an instant or later; None if there is none.

    Raises:
        Unavailable: as `page`.
    """
    request = {"start_time": at.isoformat(), "batch": 1, "next_by_subj": ">"}
    found = await _request(connection, stream, request)
    return found[0].sequence if found else None


async def page(
    connection: Connection, stream: str, subject: str, sequence: int = 1, *, batch: int = PAGE
) -> list[StoredMessage]:
    """Return the next messages, at most `batch`, from a sequence on whose subjects match; none when there are no more.

    Raises:
        Unavailable: the broker is unavailable, or there is no such stream, or it did not answer to the end.
    """
    request = {"seq": sequence, "batch": batch, "max_bytes": PAGE_BYTES, "next_by_subj": subject}
    return await _request(connection, stream, request)


async def pages(
    connection: Connection, stream: str, subject: str = ">", *, sequence: int = 1, batch: int = PAGE
) -> AsyncGenerator[list[StoredMessage]]:
    """Yield every message from a sequence on, in pages; the broker reads the next one while this one is worked on.

    Raises:
        Unavailable: as `page`.
    """
    asked = asyncio.ensure_future(page(connection, stream, subject, sequence, batch=batch))
    try:
        while found := await asked:
            if len(found) < batch and sum(len(one.body) for one in found) < PAGE_BYTES // 2:  # there were no more
                yield found
                return
            after = found[-1].sequence + 1
            asked = asyncio.ensure_future(page(connection, stream, subject, after, batch=batch))
            for _ in range(_UNTIL_SENT):
                await asyncio.sleep(0)
            yield found
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)  # nobody is left who would want to know


async def _request(connection: Connection, stream: str, request: Mapping[str, Any]) -> list[StoredMessage]:
    return await _exchange(connection, stream, json.dumps(request).encode(), _Answer(stream))


async def _exchange(connection: Connection, target: str, request: bytes, answer: "_Answer") -> list[StoredMessage]:
    subject = f"{connection.api}.DIRECT.GET.{target}"
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await connection.ask_for_many(subject, request, answer.take, answer.complete)
    except TimeoutError:
        raise Unavailable("broker", f"no answer about the messages of {answer.stream}") from None
    except NotPermittedError as refused:
        raise Unavailable("broker", str(refused)) from None


class _Answer:
    """Collects the messages of one page until the status that ends it, or until there are `most`."""

    def __init__(self, stream: str, most: int = sys.maxsize) -> None:
        self.stream, self._most = stream, most
        self._found: list[StoredMessage] = []
        self.complete: asyncio.Future[list[StoredMessage]] = asyncio.get_running_loop().create_future()

    def take(self, raw: bytes, body: bytes) -> None:
        """Take one message or the final status; never raise."""
        if not _appended(raw, _SEQUENCE):  # no status has one, whatever else the broker puts beside it
            self._end(decode(raw))
            return
        try:
            self._found.append(_stored_message(self.stream, raw, body))
        except (ValueError, OverflowError):
            self.complete.set_exception(not_understood(f"DIRECT.GET.{self.stream}"))
            return
        if len(self._found) == self._most:
            self.complete.set_result(self._found)

    def _end(self, headers: Mapping[str, str]) -> None:
        """Return what was found only if the broker says that this is all: nothing else means the end."""
        status = headers.get(STATUS, "")
        if status in (_END_OF_PAGE, _NOTHING_FOUND):
            self.complete.set_result(self._found)
        elif status == _NO_RESPONDERS:
            why = f"no stream {self.stream} answers (has `nightshift provision` been run?)"
            self.complete.set_exception(Unavailable("broker", why))
        else:
            why = f"the messages of {self.stream} cannot be read: {status} {headers.get(DESCRIPTION, '')}"
            self.complete.set_exception(Unavailable("broker", why.rstrip(": ")))


def _stored_message(stream: str, raw: bytes, body: bytes) -> StoredMessage:
    return StoredMessage(
        stream=stream,
        subject=_appended(raw, _SUBJECT).decode("utf-8", "surrogateescape"),
        sequence=int(_appended(raw, _SEQUENCE)),
        stored_ns=nanoseconds(_appended(raw, _STORED_AT).decode()),
        header_block=raw.rpartition(_FIRST_APPENDED)[0] or raw,
        body=body,
    )


def _appended(raw: bytes, name: bytes) -> bytes:
    """Return a header that the broker appended; empty when there is none."""
    _, found, rest = raw.rpartition(name)
    return rest.partition(b"\r\n")[0] if found else b""


def nanoseconds(text: str) -> int:
    """Return an RFC 3339 instant in UTC as nanoseconds since 1970; `datetime` would lose the last three digits.

    Raises:
        ValueError, OverflowError: it is no such instant.
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0"))
