"""Bulks as the broker keeps them: one message each, which only the process that wrote it last may replace."""

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
    """Reads and writes bulks; remembers where each was written last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sequences: dict[str, int] = {}

    async def save(self, bulk: Bulk) -> None:
        """Write one.

        Raises:
            OthersError: another process has written it since.
            Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
        """
        headers = {_EXPECTED: str(self._sequences.get(bulk.id, 0))}
        body = msgspec.json.encode(bulk)
        try:
            stored = await store(self._connection, _PREFIX + bulk.id, headers, body, again=False)
        except BrokerRefusedError as refused:
            if refused.code == _WRONG_SEQUENCE:
                raise OthersError from None
            raise
        self._sequences[bulk.id] = stored.seq

    async def load(self) -> list[Bulk]:
        """Return all that are kept, the newest first.

        Raises:
            Unavailable: the broker is unavailable.
        """
        found = list[Bulk]()
        for message in await direct_get.read_all(self._connection, CONSOLE_STREAM, f"{_PREFIX}>"):
            try:
                bulk = msgspec.json.decode(message.body, type=Bulk)
            except (msgspec.DecodeError, UnicodeDecodeError):  # of another version
                continue
            self._sequences[bulk.id] = message.sequence
            found.append(bulk)
        return sorted(found, key=lambda bulk: bulk.begun, reverse=True)
