"""How the service of webhooks records what becomes of each event: a resource, a hook, and what is told of dead letters.

Whoever only publishes imports the module that declares the service, and has no database library: nothing here loads it.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightshift.messaging.job import Job
from nightshift.service.signature import DeclaredFunction, read
from nightshift.webhooks.handled import WebhookEvent

if TYPE_CHECKING:
    from nightshift.database import Database
    from nightshift.objects import ObjectStore
    from nightshift.service.event_recorder import EventRecorder

RECORDER = "event_recorder"
TABLES = {"nightshift.received_webhooks": "SELECT, INSERT, UPDATE"}
"""What it does with the library's own table."""


def recorder(keep_days: int) -> DeclaredFunction:
    """Return the resource: what records events; bodies are kept so many days."""

    def event_recorder(database: "Database", objects: "ObjectStore") -> "EventRecorder":
        from nightshift.service.event_recorder import EventRecorder  # noqa: PLC0415 - as said above

        return EventRecorder(database, objects, timedelta(days=keep_days))

    return read(event_recorder, ())


async def _record(event: Any, job: Job, *, event_recorder: "EventRecorder | None" = None) -> AsyncIterator[None]:
    """Record an event around its handler; a test of a handler has nothing that records."""
    if event_recorder is None or not isinstance(event, WebhookEvent):
        yield
        return
    async with event_recorder.recording(event, job):
        yield


HOOK = read(_record, ("message", "job"))


def given_up(told: DeclaredFunction | None) -> DeclaredFunction:
    """Return what records a dead letter, and then tells the application's own function of it, if there is one."""

    async def record_death(
        event: Any, job: Job, reason: str, *, event_recorder: "EventRecorder | None" = None, **given: Any
    ) -> None:
        if event_recorder is not None:
            await event_recorder.given_up(event, reason)
        if told is not None:
            await told.function(event, job, reason, **given)

    declared = read(record_death, ("message", "job", "reason"))
    return declared if told is None else replace(declared, needs=told.needs, takes=(*told.takes, RECORDER))
