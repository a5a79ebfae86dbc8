"""Groups concurrent publishes: those that arrive while others are in flight travel as one atomic batch.

A durable broker writes to its disk for every acknowledgement; a batch needs one. A message alone does not wait.
"""

import asyncio
import time
from collections.abc import Sequence

from nightshift.batcher import Batcher
from nightshift.broker.batch import MAX_BATCH, store_batch
from nightshift.broker.batch_worth import BatchWorth
from nightshift.broker.connection import Connection
from nightshift.broker.errors import BrokerRefusedError
from nightshift.broker.jetstream import Stored, store
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.outcomes import Unavailable


class PublishBatcher:
    """Stores messages, one per call; callers see no difference but for the speed."""

    def __init__(
        self, connection: Connection, *, timeout_seconds: float, patience_seconds: float | None = None
    ) -> None:
        """`timeout_seconds` are for each answer; `patience_seconds`, if given, for all, the wait behind others too."""
        self._connection, self._timeout_seconds, self._patience_seconds = connection, timeout_seconds, patience_seconds
        self._worth = BatchWorth()
        self._batchers: dict[str, Batcher[OutboundMessage, Stored]] = {}

    async def __call__(self, message: OutboundMessage) -> Stored:
        """Store one message.

        Raises:
            Unavailable, BrokerRefusedError: as `store`.
        """
        try:
            if message.subject.startswith(wire.JOBS) and wire.MSG_ID in message.headers:
                return await self._batcher(message)(message)
            async with asyncio.timeout(self._patience_seconds):
                return await self._single(message)  # other streams take no batches; without an id none can be retried
        except TimeoutError:
            raise Unavailable("broker", f"no answer within {self._patience_seconds:g} s") from None

    def _batcher(self, message: OutboundMessage) -> Batcher[OutboundMessage, Stored]:
        service = wire.service_of(wire.type_of(message.subject))
        batcher = self._batchers.get(service)
        if batcher is None:
            batcher = self._batchers[service] = Batcher(
                self._group, max_size=MAX_BATCH, patience_seconds=self._patience_seconds
            )
        return batcher

    async def _group(self, messages: Sequence[OutboundMessage]) -> Sequence[Stored | Exception]:
        begun, count = time.monotonic(), len(messages)
        if self._worth(count):
            try:
                stored = await store_batch(
                    self._connection, messages, timeout_seconds=self._timeout_seconds, wait_for_room=False
                )
            except BrokerRefusedError:  # one of them is a duplicate, or too much: each gets its own answer
                begun = time.monotonic()
            else:
                self._worth.batch_took(count, time.monotonic() - begun)
                return stored
        if count == 1:  # most are alone, and need no task
            outcomes = [await self._outcome(messages[0])]
        else:
            outcomes = await asyncio.gather(*(self._outcome(message) for message in messages))
        if not any(isinstance(outcome, Exception) for outcome in outcomes):
            self._worth.singles_took(count, time.monotonic() - begun)
        return outcomes

    async def _outcome(self, message: OutboundMessage) -> Stored | Exception:
        try:
            return await self._single(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller of this one
            return error

    async def _single(self, message: OutboundMessage) -> Stored:
        return await store(
            self._connection, message.subject, message.headers, message.body, timeout_seconds=self._timeout_seconds
        )
