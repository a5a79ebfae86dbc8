"""Atomic batches (ADR-50): many messages stored together or not at all, for one acknowledgement."""

import asyncio
import secrets
from collections.abc import Sequence

from nightshift.broker.connection import Connection
from nightshift.broker.errors import BrokerRefusedError
from nightshift.broker.headers import encode
from nightshift.broker.jetstream import Stored, store
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.outcomes import Unavailable

MAX_BATCH = 1000
"""The broker's own limit."""
_DUPLICATE_ID = 10201
_INCOMPLETE = 10176
"""The broker has dropped a part: its limit of open batches, everybody's together, was reached."""
_AGAIN_SECONDS = 0.25


class DuplicateInBatchError(BrokerRefusedError):
    """The broker knows one of the ids already, or it occurs twice in the batch: nothing was stored."""


async def store_batch(
    connection: Connection,
    messages: Sequence[OutboundMessage],
    *,
    timeout_seconds: float = 10.0,
    wait_for_room: bool = True,
) -> list[Stored]:
    """Store up to 1,000 messages of one stream, all or nothing; return where each is.

    `wait_for_room` says whether to wait while others' open batches take all the room that the broker has for batches.

    When the answer to a first try is lost the batch may be stored or not. Then every message is published singly:
    the ids that all of them carry make that a completion, never a doubling.

    Raises:
        DuplicateInBatchError, BrokerRefusedError: nothing was stored (after a lost answer: some may be).
        Unavailable: the broker is unavailable, or its answers were lost: all or some may be stored.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    if len(messages) > 1:  # one message needs no batch
        await connection.ready(timeout_seconds)
        try:
            half = loop.time() + (deadline - loop.time()) / 2
            return await _until_complete(connection, messages, half, again=wait_for_room)
        except Unavailable:
            pass
    return [await _single(connection, message, max(deadline - loop.time(), 0.01)) for message in messages]


async def _until_complete(
    connection: Connection, messages: Sequence[OutboundMessage], deadline: float, *, again: bool
) -> list[Stored]:
    """Try again while others' open batches take all the room: the broker forgets them after some seconds."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await _atomic(connection, messages, max(deadline - loop.time(), 0.01))
        except BrokerRefusedError as refused:
            if not again or refused.code != _INCOMPLETE or loop.time() + _AGAIN_SECONDS > deadline:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


async def _single(connection: Connection, message: OutboundMessage, timeout_seconds: float) -> Stored:
    return await store(connection, message.subject, message.headers, message.body, timeout_seconds=timeout_seconds)


async def _atomic(connection: Connection, messages: Sequence[OutboundMessage], timeout_seconds: float) -> list[Stored]:
    batch, count = secrets.token_hex(16), len(messages)
    place = f"{wire.BATCH_ID}: {batch}\r\n{wire.BATCH_SEQUENCE}: ".encode()
    for sequence, message in enumerate(messages[:-1], start=1):
        header = b"%b%b%d\r\n\r\n" % (encode(message.headers)[:-2], place, sequence)
        connection.check_size(message.subject, header, message.body)
        connection.send(message.subject.encode(), message.body, b"", header)
    last = messages[-1]
    order = {wire.BATCH_ID: batch, wire.BATCH_SEQUENCE: str(count), wire.BATCH_COMMIT: "1"}
    try:
        stored = await store(
            connection,
            last.subject,
            {**last.headers, **order},
            last.body,
            timeout_seconds=timeout_seconds,
            again=False,  # without the others, which went another way, it would commit nothing
        )
    except BrokerRefusedError as refused:
        if refused.code == _DUPLICATE_ID:
            raise DuplicateInBatchError(last.subject, refused.code, refused.description) from None
        raise
    return [Stored(stored.stream, stored.seq - count + 1 + index) for index in range(count)]
