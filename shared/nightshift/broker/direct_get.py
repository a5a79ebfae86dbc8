"""Reads a stream's messages page by page, without a consumer (batched direct get, ADR-31)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

from nightshift.broker import Connection
from nightshift.broker.delivery import Delivery
from nightshift.broker.errors import not_understood
from nightshift.broker.headers import decode
from nightshift.outcomes import Unavailable

PAGE = 256
PAGE_BYTES = 4 * 1024 * 1024
_PAGE_SECONDS = 10.0
_NOBODY = b"NATS/1.0 503"
_SUBJECT, _SEQUENCE, _STORED = b"Nats-Subject", b"Nats-Sequence", b"Nats-Time-Stamp"


async def page(connection: Connection, stream: str, subject: str, sequence: int = 1) -> list[Delivery]:
    """The next messages from a sequence on whose subjects match; none when there are no more.

    What it returns cannot be acknowledged: nothing was delivered.

    Raises:
        Unavailable: the broker is away, or there is no such stream.
    """
    found = list[Delivery]()
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(_subject: bytes, _reply: bytes, raw: bytes, body: bytes) -> None:
        if finished.done():
            return
        if _broker_header(raw, _SUBJECT):
            try:
                found.append(_stored(connection, stream, raw, body))
            except (ValueError, OverflowError):
                finished.set_exception(not_understood(f"DIRECT.GET.{stream}"))
        elif raw.startswith(_NOBODY):
            finished.set_exception(Unavailable("broker", f"no stream {stream} answers (has `provision` been run?)"))
        else:
            finished.set_result(None)

    inbox = connection.new_inbox()
    sid = await connection.listen(inbox, take)
    request = {"seq": sequence, "batch": PAGE, "max_bytes": PAGE_BYTES, "next_by_subj": subject}
    try:
        connection.send(f"$JS.API.DIRECT.GET.{stream}".encode(), json.dumps(request).encode(), inbox.encode())
        async with asyncio.timeout(_PAGE_SECONDS):
            await finished
    except TimeoutError:
        raise Unavailable("broker", f"no answer about the messages of {stream}") from None
    finally:
        await connection.unlisten(sid)
    return found


def _stored(connection: Connection, stream: str, raw: bytes, body: bytes) -> Delivery:
    return Delivery(
        connection=connection,
        subject=_broker_header(raw, _SUBJECT).decode("utf-8", "surrogateescape"),
        reply=b"",
        raw_headers=raw,
        body=body,
        stream=stream,
        sequence=int(_broker_header(raw, _SEQUENCE)),
        delivered=0,
        stored_ns=nanoseconds(_broker_header(raw, _STORED).decode()),
        pending=0,
        headers=decode(raw),
    )


def _broker_header(raw: bytes, name: bytes) -> bytes:
    """A header that the broker added: it does so behind the producer's own, who may have typed the same name."""
    return raw.rpartition(b"\r\n%b: " % name)[2].partition(b"\r\n")[0] if b"\r\n%b: " % name in raw else b""


def nanoseconds(text: str) -> int:
    """An instant of RFC 3339 in UTC, exactly; `datetime` knows no nanoseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0"))


async def read_each(
    connection: Connection, stream: str, subject: str = ">", *, sequence: int = 1
) -> AsyncIterator[Delivery]:
    """Every message from a sequence on, read page by page; raises what `page` does."""
    while messages := await page(connection, stream, subject, sequence):
        for message in messages:
            yield message
        sequence = messages[-1].sequence + 1


async def read_all(connection: Connection, stream: str, subject: str = ">") -> list[Delivery]:
    """Every message of a stream that is small enough to be held in memory."""
    return [message async for message in read_each(connection, stream, subject)]
