"""Republishes orphaned jobs: those that the broker has although they were acknowledged, so that nobody gets them.

A broker that was killed can have messages again after its restart that it had removed (seen with nats-server 2.15.1;
its pull request 7384 explains how). In a work queue they lie below their consumer's acknowledgement floor: they count
as backlog, fill the queue, and are never delivered, for the broker tidies only replicated streams. Nearly all of them
are done, and end as duplicates; should a floor be wrong, none is lost. In a bulk queue what is below the floor is done
and waits to be removed: nothing is looked for there.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.jetstream import manage
from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.housekeeping.overdue import WRONG_LAST_SEQUENCE, unless_refused
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.topology import bulk_queue
from nightshift.topology.consumer import Consumer
from nightshift.topology.topology import CRON_STREAM
from nightshift.worker import rescheduling
from nightshift.worker.in_flight import job_of
from nightshift.worker.verdict import IMMEDIATELY, Reschedule

_UNLESS_IT_WAITS = {"Nats-Expected-Last-Subject-Sequence": "0"}
"""A job that waits for its next attempt must lose neither its time nor its count."""
_log = get_logger("housekeeping")


class OrphanRescuer:
    """The rescuer of one service. Remembers what it saw last: an acknowledgement takes a moment to be carried out."""

    def __init__(
        self, service: str, consumers: Sequence[Consumer], *, connection: Connection, publisher: Publisher
    ) -> None:
        self._service, self._connection, self._publisher = service, connection, publisher
        self._queues = [consumer for consumer in consumers if consumer.stream != CRON_STREAM]
        self._seen = frozenset[str]()

    async def rescue(self, now: datetime) -> int:
        """Look once through the service's queues; return how many jobs, seen the last time too, were republished.

        Raises:
            Unavailable, QueueFullError, NotPermittedError: the broker is unavailable or has no room; call again.
        """
        seen, rescued = set[str](), 0
        for consumer in self._queues:
            async for message in self._below_the_floor(consumer):
                seen.add(message.origin())
                if message.origin() in self._seen:
                    rescued += await unless_refused(self._republish(message, now))
        self._seen = frozenset(seen)
        if rescued:
            text = f"republished {rescued} orphaned jobs (acknowledged, but back after a broker restart)"
            _log.warning("leftovers", text)
        return rescued

    async def _below_the_floor(self, consumer: Consumer) -> AsyncIterator[StoredMessage]:
        if bulk_queue.is_queue(consumer) and await bulk_queue.look(self._connection, consumer) is not None:
            return
        info = await manage(self._connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
        floor = int(info["ack_floor"]["stream_seq"])
        async for message in direct_get.read_each(self._connection, consumer.stream, consumer.filter):
            if message.sequence > floor:
                return
            yield message

    async def _republish(self, message: StoredMessage, now: datetime) -> None:
        job = job_of(self._service, message)
        copy = rescheduling.reschedule(message, job, Reschedule("left-behind", IMMEDIATELY, job.attempt - 1), now)
        try:
            await self._publisher.store(OutboundMessage(copy.subject, copy.headers | _UNLESS_IT_WAITS, copy.body))
        except BrokerRefusedError as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
        deletion = {"seq": message.sequence, "no_erase": True}
        await manage(self._connection, f"STREAM.MSG.DELETE.{message.stream}", deletion)
