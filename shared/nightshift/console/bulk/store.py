"""Bulks as the broker keeps them: one message each, which only the process that wrote it last may replace."""

from collections.abc import AsyncIterator

import msgspec

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.jetstream import store
from nightshift.console.bulk.work import Bulk
from nightshift.topology.console_stream import CONSOLE_STREAM

_PREFIX = "console.redrive."
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_WRONG_SEQUENCE = 10071


class OthersError(Exception):
    """Another process works on it."""


class BulkStore:
    """Reads and writes bulks; remembers at which message each was, to replace no other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sequences: dict[str, int] = {}
        self._unanswered: dict[str, bytes] = {}
        """What was written last, where the broker's answer was lost: it may have been stored."""
        self._read_to = 0

    async def save(self, bulk: Bulk) -> None:
        """Write one.

        Raises:
            OthersError: another process has written it since.
            Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
        """
        body, before = msgspec.json.encode(bulk), self._unanswered.get(bulk.id)
        try:
            await self._write(bulk.id, body)
        except OthersError:
            newest = await direct_get.read_last(self._connection, CONSOLE_STREAM, [_PREFIX + bulk.id])
            message = newest.get(_PREFIX + bulk.id)
            if before is None or message is None or message.body != before:
                raise
            self._sequences[bulk.id] = message.sequence
            await self._write(bulk.id, body)

    async def news(self) -> AsyncIterator[tuple[Bulk, int]]:
        """Yield what was written since this was asked last, by this process or another, and at which message.

        Raises:
            Unavailable: the broker is unavailable.
        """
        after = self._read_to + 1
        async for message in direct_get.read_each(self._connection, CONSOLE_STREAM, f"{_PREFIX}>", sequence=after):
            self._read_to = message.sequence
            try:
                yield msgspec.json.decode(message.body, type=Bulk), message.sequence
            except (msgspec.DecodeError, UnicodeDecodeError):  # of another version
                continue

    def adopt(self, bulk: Bulk, sequence: int) -> None:
        """Replace this message, when the bulk is written next."""
        self._sequences[bulk.id] = sequence

    def read_again(self) -> None:
        """Let `news` begin anew."""
        self._read_to = 0

    async def _write(self, bulk_id: str, body: bytes) -> None:
        headers = {_EXPECTED: str(self._sequences.get(bulk_id, 0))}
        self._unanswered[bulk_id] = body
        try:
            stored = await store(self._connection, _PREFIX + bulk_id, headers, body, again=False)
        except BrokerRefusedError as refused:
            del self._unanswered[bulk_id]
            if refused.code == _WRONG_SEQUENCE:
                raise OthersError from None
            raise
        self._sequences[bulk_id] = stored.seq
        del self._unanswered[bulk_id]
