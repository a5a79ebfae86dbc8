"""Work off an event: find its handler, and record what became of it in the transaction of its effects."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightshift.contract.wire import CLAIM_LIFETIME
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging import claim_check
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.outcomes import Skip
from services.webhook.event import Event
from services.webhook.event_rows import RECORD, RECORD_DEAD, row_of
from services.webhook.metrics import WebhookMetrics
from services.webhook.routing import HandlerTable, find_handler


@dataclass(slots=True, frozen=True)
class EventRecorder:
    """Works off events by a table of handlers, and records each in `webhook_events`."""

    table: HandlerTable
    database: Database
    objects: ObjectStore
    metrics: WebhookMetrics
    keep_bodies: timedelta
    """How long an event can be replayed; its body is not kept at all when this is zero."""
    now: Callable[[], datetime] = utc_now

    async def webhook_received(self, event: Event, job: Job) -> None:
        """Call the event's handler, and write its row with the handler's effects.

        Raises:
            Skip: the event has no handler, or its handler says so; that is recorded.
            Exception: whatever else its handler raises; then nothing is recorded before the job is given up on.
        """
        handler = find_handler(self.table, event.source, event.type)
        body_key = await self._keep(event)
        try:
            if handler is None:
                raise Skip(f"there is no handler for {event.type} of {event.source}")  # noqa: TRY301 - as a handler would say it
            object_id = await handler(event, job)
        except Skip as skip:
            row = row_of(event, "skipped", self.now(), reason=str(skip), body_key=body_key)
            async with self.database.write() as connection:
                await connection.execute(RECORD[self.database.dialect], row)
            self.metrics.count(event.source, "skipped")
            raise
        row = row_of(event, event.outcome, self.now(), object_id=object_id, body_key=body_key)
        job.write(RECORD[self.database.dialect], row)
        job.after_commit(lambda: self.metrics.count(event.source, event.outcome))

    async def given_up(self, event: Event, job: Job, reason: str) -> None:
        """Record an event that became a dead letter."""
        del job
        row = row_of(event, "dead", self.now(), reason=reason, body_key=await self._keep(event))
        async with self.database.write() as connection:
            await connection.execute(RECORD_DEAD[self.database.dialect], row)
        self.metrics.count(event.source, "dead")

    async def _keep(self, event: Event) -> str | None:
        """Store the job's body like a claim check, which the daily cleanup deletes when its date has passed."""
        if not self.keep_bodies:
            return None
        return await claim_check.put(self.objects, event.message, self.now() + self.keep_bodies - CLAIM_LIFETIME)
