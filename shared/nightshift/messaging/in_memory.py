"""A publisher in memory for tests; the real publisher's own tests run on it, too."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from nightshift.broker.batch import DuplicateInBatchError
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import SCHEDULE, SCHEDULE_TARGET, OutboundMessage
from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import dead_letter_stream, later_stream, queue_stream

M = TypeVar("M", bound=Message)
_DUPLICATE_ID = 10201
_STREAMS = {"jobs": queue_stream, "later": later_stream, "due": later_stream, "dead": dead_letter_stream}


@dataclass(slots=True, frozen=True)
class PublishedJob:
    """A message that the publisher stored: a job, a copy for later, or a dead letter."""

    job_type: str
    job_id: str
    subject: str
    body: bytes
    headers: Mapping[str, str]
    at: datetime | None = None
    """When a delayed job is due."""

    def decode(self, message: type[M]) -> M:
        """Return the body as a message of this class."""
        return msgspec.json.decode(self.body, type=message)


class InMemoryPublisher(Publisher):
    """Keep published messages in memory instead of sending them to a broker.

    `published` lists them in order. Like the broker it drops a second message with the same id, and replaces a
    delayed job that is published again. `results` says by type what jobs return to whoever waits for them; an exception
    is raised. Set `unavailable` to a reason, and every call raises `Unavailable`; set
    `refusal` to an exception, and every call raises that.
    """

    def __init__(self, objects: ObjectStore | None = None) -> None:
        nobody: Any = None
        super().__init__(nobody, objects)
        self.published: list[PublishedJob] = []
        self.results: dict[str, Any] = {}
        self.unavailable = ""
        self.refusal: Exception | None = None
        self._sequences: dict[str, int] = {}
        self._stored: dict[tuple[str, str], Stored] = {}

    async def publish_and_wait(self, message: Message, result_type: Any = Any, **more: Any) -> Any:
        """Publish a job, and return what `results` says; see `Publisher.publish_and_wait`."""
        del more["timeout_seconds"]
        await self.publish(message, **more)
        result = self.results.get(message.TYPE)
        if isinstance(result, Exception):
            raise result
        return msgspec.convert(result, result_type)

    async def store(self, message: OutboundMessage) -> Stored:
        """Keep a message; see `Publisher.store`."""
        await self._answer()
        return self._keep(message)

    async def store_all(self, messages: Sequence[OutboundMessage]) -> Sequence[Stored]:
        """Keep all messages or none; see `Publisher.store_all`."""
        await self._answer()
        keys = [_key(message) for message in messages]
        if len(messages) > 1 and (len({*keys}) < len(keys) or any(key in self._stored for key in keys)):
            description = "an id is known already, or stands twice in the batch"
            raise DuplicateInBatchError(messages[-1].subject, _DUPLICATE_ID, description)
        return [self._keep(message) for message in messages]

    async def purge(self, stream: str, subject: str) -> bool:
        """Remove what waits on a subject; see `Publisher.purge`."""
        del stream
        await self._answer()
        return self._remove(subject)

    def _keep(self, message: OutboundMessage) -> Stored:
        stream, message_id = _key(message)
        known = self._stored.get((stream, message_id))
        if message_id and known is not None:
            return Stored(known.stream, known.seq, duplicate=True)
        if SCHEDULE in message.headers:
            self._remove(message.subject)
        sequence = self._sequences[stream] = self._sequences.get(stream, 0) + 1
        stored = self._stored[stream, message_id] = Stored(stream, sequence)
        self.published.append(_published(message))
        return stored

    def _remove(self, subject: str) -> bool:
        waiting = [job for job in self.published if job.subject == subject]
        for job in waiting:
            self.published.remove(job)
        return bool(waiting)

    async def _answer(self) -> None:
        """Let other tasks run, as a real publisher does; then raise what the test asked for."""
        await asyncio.sleep(0)
        if self.unavailable:
            raise Unavailable("broker", self.unavailable)
        if self.refusal is not None:
            raise self.refusal


def _key(message: OutboundMessage) -> tuple[str, str]:
    """Return the stream that takes a message, and the id by which that stream knows it."""
    kind, _, rest = message.subject.partition(".")
    service = wire.service_of(rest)
    return _STREAMS.get(kind, queue_stream)(service), message.headers.get(wire.MSG_ID, "")


def _published(message: OutboundMessage) -> PublishedJob:
    headers = message.headers
    at = headers.get(SCHEDULE, "").removeprefix("@at ")
    return PublishedJob(
        wire.type_of(headers.get(SCHEDULE_TARGET, message.subject)),
        headers.get(wire.JOB_ID, ""),
        message.subject,
        message.body,
        headers,
        datetime.fromisoformat(at) if at else None,
    )
