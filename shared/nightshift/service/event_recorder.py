"""Record what became of each event of a provider, in the transaction of its effects."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightshift.contract.wire import CLAIM_LIFETIME
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging import claim_check
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.objects.absent import AbsentObjectStore
from nightshift.outcomes import Skip
from nightshift.service.event_log import OWN, EventLog, row_of
from nightshift.webhooks.handled import WebhookEvent


def _nobody_counts(_source: str, _outcome: str) -> None:
    """Count nothing."""


@dataclass(slots=True, frozen=True)
class EventRecorder:
    """Records each event in a table."""

    database: Database
    objects: ObjectStore
    keep_bodies: timedelta
    """How long an event can be replayed; its body is not kept at all when this is zero, or without an object store."""
    log: EventLog = OWN
    count: Callable[[str, str], None] = _nobody_counts
    """Told of each event's source and outcome."""
    now: Callable[[], datetime] = utc_now

    @asynccontextmanager
    async def recording(self, event: WebhookEvent, job: Job) -> AsyncIterator[None]:
        """Write an event's row with the effects of its handler, which runs within.

        What is skipped is recorded at once, any other failure only when the job is given up on.
        """
        body_key = await self._keep(event)
        try:
            yield
        except Skip as skip:
            row = row_of(event, "skipped", self.now(), reason=str(skip), body_key=body_key)
            async with self.database.write() as connection:
                await connection.execute(self.log.record[self.database.dialect], row)
            self.count(event.source, "skipped")
            raise
        row = row_of(event, event.outcome, self.now(), object_id=event.returned, body_key=body_key)
        job.write(self.log.record[self.database.dialect], row)
        job.after_commit(lambda: self.count(event.source, event.outcome))

    async def given_up(self, event: WebhookEvent, reason: str) -> None:
        """Record an event that became a dead letter."""
        row = row_of(event, "dead", self.now(), reason=reason, body_key=await self._keep(event))
        async with self.database.write() as connection:
            await connection.execute(self.log.record_dead[self.database.dialect], row)
        self.count(event.source, "dead")

    async def _keep(self, event: WebhookEvent) -> str | None:
        """Store the job's body like a claim check, which the upkeep deletes when its date has passed."""
        if not self.keep_bodies or isinstance(self.objects, AbsentObjectStore):
            return None
        return await claim_check.put(self.objects, event.message, self.now() + self.keep_bodies - CLAIM_LIFETIME)
