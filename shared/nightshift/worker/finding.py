"""Looks up in the ledger for whoever has no database: how a job has ended, and what it returned."""

import asyncio
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection as DatabaseConnection

from nightshift.batcher import Batcher
from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import FindJob, JobEvent, JobEvents
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.ledger import CANCELLED, LedgerEntry, find_all_in
from nightshift.outcomes import Unavailable
from nightshift.topology.discovery import FIND, find_subject, found_subject

MOST_WAITING = 1000
"""Questions that nobody has answered yet: beyond it they are dropped, and asked again."""
_TOGETHER = 100
_decode = msgspec.json.Decoder(FindJob).decode
_Asked = tuple[str, str]


class Finding:
    """Answers on `workers.found.<type>` what is asked on `workers.find.<type>`, one worker of a service for all."""

    def __init__(self, service: str, connection: Connection, database: Database) -> None:
        self._service, self._connection, self._database = service, connection, database
        self._found: Batcher[_Asked, LedgerEntry | None] = Batcher(self._look, max_size=_TOGETHER)
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Begin to listen; the subscription survives reconnects."""
        await self._connection.listen(find_subject(f"{self._service}.>"), self.receive, self._service)

    def receive(self, subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        """Begin to answer a question. What is none, or comes beside too many others, gets no answer."""
        try:
            asked = subject.decode().removeprefix(f"{FIND}."), _decode(body).id
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if len(self._answering) < MOST_WAITING:
            answering = asyncio.create_task(self._answer(asked))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

    async def _answer(self, asked: _Asked) -> None:
        try:
            entry = await self._found(asked)
        except Unavailable:  # the worker's own jobs have said so
            return
        if entry is not None:
            told = JobEvents(at=utc_now(), events=(_event(asked, entry),))
            self._connection.send(found_subject(entry.type).encode(), msgspec.json.encode(told))

    async def _look(self, asked: Sequence[_Asked]) -> list[LedgerEntry | Exception | None]:
        def look(connection: DatabaseConnection) -> list[LedgerEntry | Exception | None]:
            return [*find_all_in(connection, asked)]

        return await self._database.ask(look)


def _event(asked: _Asked, entry: LedgerEntry) -> JobEvent:
    """Return the end of a job as a turn of it, by the id by which its events go."""
    if entry.outcome == CANCELLED:
        return JobEvent(type=entry.type, id=wire.storable_id(asked[1]), what="dead", error=CANCELLED)
    fields = {"type": entry.type, "id": wire.storable_id(asked[1]), "what": entry.outcome, "result": entry.result}
    known = {"attempt": entry.attempt, "ms": entry.took_ms, "tenant": entry.tenant}
    return msgspec.convert(fields | {name: value for name, value in known.items() if value is not None}, JobEvent)
