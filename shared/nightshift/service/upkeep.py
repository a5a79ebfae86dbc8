"""Upkeep of what Nightshift itself keeps: a schedule and a job that one service of a database takes on."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nightshift.backoff import Retries
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.declaration import DeclarationError, DeclaredSchedule
from nightshift.contract.message import Message
from nightshift.instants import utc_now
from nightshift.messaging.job import Job

if TYPE_CHECKING:
    from nightshift.database import Database
    from nightshift.objects import ObjectStore
    from nightshift.service.service import Service

LEAST_DAYS = 45
"""Dead letters are kept for 30 days, and one that is redriven on the last day still has its retries."""
_TABLES = {"nightshift.processed_messages": "SELECT, INSERT, UPDATE (result), DELETE"}
_EVENTS = "nightshift.received_webhooks"
_OBJECTS = {"claims/": "list"}
"""Beside what every worker does."""
_SECONDS, _LIMIT_SECONDS = 30.0, 60.0
"""What is left after this time is done by a successor. With its limit a queue can still be emptied in bulk."""


def declare_upkeep(service: "Service", expression: str, *, time_zone: str, days: tuple[int, int]) -> None:
    """Give a service the schedule and the job `<service>.upkeep`, and the rights that it needs.

    `days` are the ages at which inbox rows and results go.

    Raises:
        DeclarationError: inbox rows would go while dead letters can still be redriven.
    """
    inbox_days, result_days = days
    if inbox_days < LEAST_DAYS or result_days < 0:
        raise DeclarationError(
            service.place,
            f"upkeep of {service.name}: inbox_days={inbox_days}, result_days={result_days}: expected {LEAST_DAYS} or "
            "more, as a dead letter is kept for 30 days and its redrive has to find that the job was done, and 0 or "
            "more",
        )
    message = _message(service.name)

    async def keep_up(_message: Message, job: Job, *, database: "Database", objects: "ObjectStore") -> None:
        ages = timedelta(days=inbox_days), timedelta(days=result_days)
        if not await _delete(job, database, objects, ages):
            from nightshift.messaging.paging import enqueue_successor  # noqa: PLC0415 - whoever only publishes has none

            enqueue_successor(job, message())

    async def upkeep_due(event: ScheduleFired, job: Job) -> None:
        job.enqueue(message(), job_id=f"{event.due.astimezone(UTC):%Y%m%dT%H%M%SZ}")

    service.handler(message=message, internal=True)(keep_up)
    service.event(f"{service.name}.upkeep")(upkeep_due)
    schedule = DeclaredSchedule(f"{service.name}.upkeep", expression, time_zone, "latest", service.place)
    service.timetable.append(schedule)
    events = {_EVENTS: f"{service.tables.get(_EVENTS, 'SELECT')}, DELETE"}
    service.tables, service.objects = {**service.tables, **_TABLES, **events}, {**service.objects, **_OBJECTS}


def _message(service: str) -> type[Message]:
    """Return the message `jobs.<service>.upkeep`, which has no fields."""
    text = "Remove inbox rows, results and bodies of jobs that nobody can need any more."
    named: dict[str, Any] = {
        "__doc__": text,
        "SUBJECT": f"jobs.{service}.upkeep",
        "RETRIES": Retries(most=4),
        "TIMEOUT_SECONDS": _LIMIT_SECONDS,
    }
    made: Any = msgspec.defstruct("KeepUp", [], bases=(Message,), namespace=named, module=__name__)
    message: type[Message] = made
    return message


async def _delete(
    job: Job,
    database: "Database",
    objects: "ObjectStore",
    ages: tuple[timedelta, timedelta],
    now: datetime | None = None,
) -> bool:
    """Delete in pages what is older than these ages; return whether that was all."""
    # Whoever only publishes imports the module that declares this, and has no database library.
    from nightshift.housekeeping import expired_claims, inbox_retention, tally  # noqa: PLC0415
    from nightshift.messaging.paging import TimeLimit  # noqa: PLC0415
    from nightshift.objects.absent import AbsentObjectStore  # noqa: PLC0415

    now, limit, counts = now or utc_now(), TimeLimit(_SECONDS), tally.Tally(database=database)
    done = await inbox_retention.forget_old_results(counts, now - ages[1], limit=limit)
    done = done and await inbox_retention.delete_old_inbox_rows(counts, now - ages[0], limit=limit)
    done = done and await inbox_retention.delete_old_events(counts, now - ages[0], limit=limit)
    if done and not isinstance(objects, AbsentObjectStore):
        done = await expired_claims.delete_expired_claims(counts, objects, now.date(), limit=limit)
    job.result = {"deleted": counts.deleted, "kept": counts.kept, "done": done}
    return done
