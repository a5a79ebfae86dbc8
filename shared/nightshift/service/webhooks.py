"""A service that works off webhooks: which function gets which event of which provider."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from nightshift.backoff import Retries
from nightshift.config.settings import Settings
from nightshift.contract.declaration import DeclarationError, place_of
from nightshift.contract.message import Message
from nightshift.contract.wire import service_of
from nightshift.messaging.job import Job
from nightshift.outcomes import Skip
from nightshift.service import event_recording as recording
from nightshift.service.declared import EventTable, JobOptions, job_handler
from nightshift.service.service import Service
from nightshift.service.signature import read_returning
from nightshift.webhooks.handled import WebhookEvent, decode_event
from nightshift.webhooks.received import SOURCE, WebhookReceived

F = TypeVar("F", bound=Callable[..., Any])
_POSITIONAL = ("event: WebhookEvent", "job: Job")


class Webhooks(Service):
    """The service of the events that the gateway has verified.

        webhooks = Webhooks(publishes=[SendEmail])

        @webhooks.on("stripe", "invoice.*")
        async def keep_invoice(event: WebhookEvent, job: Job, *, database: Database) -> None: ...

    Everything else is as in any service: settings, resources, hooks, handlers of its own messages (`jobs.webhook.…`).
    """

    def __init__(
        self,
        *,
        settings: type[Settings] = Settings,
        publishes: Iterable[type[Message]] = (),
        schema: str | None = None,
        tables: Mapping[str, str] | None = None,
        objects: Mapping[str, str] | None = None,
        retries: Retries | None = None,
        on_dead_letter: Callable[..., Any] | None = None,
        records: bool = True,
        keep_days: int = 30,
    ) -> None:
        """Declare it.

        Args:
            settings: what its processes read from the environment.
            publishes: the messages of other services that its handlers enqueue.
            schema: the package of its tables, whose migrations are in `<schema>.migrations`.
            tables: what its role in PostgreSQL may do, as in `Service`.
            objects: what its key at the object store may do, as in `Service`.
            retries: how often an event is tried, and after which waits.
            on_dead_letter: is told of each event that is given up on: the event, the job, the reason, and by name what
                it asks for. It may be told more than once.
            records: whether what became of each event is kept, for `nightshift webhooks list`, in the table
                `nightshift.received_webhooks`; False where the application has a table of its own.
            keep_days: how long bodies are kept for `nightshift webhooks replay`, where there is an object store.
        """
        name = service_of(WebhookReceived.TYPE)
        tables = {**(recording.TABLES if records else {}), **(tables or {})}
        super().__init__(name, settings=settings, publishes=publishes, schema=schema, tables=tables, objects=objects)
        caller = sys._getframe(1)  # noqa: SLF001 - where it is declared, for errors
        self.place = place_of(caller.f_code, caller.f_lineno)
        self._table: EventTable = {}
        options = JobOptions(retries, internal=True, on_dead_letter=on_dead_letter, decode=decode_event)
        handler = job_handler(self.name, _unhandled, options, WebhookReceived)
        if records:
            self.resources[recording.RECORDER] = recording.recorder(keep_days)
            self.hooks.append(recording.HOOK)
            handler = replace(handler, dead_letter=recording.given_up(handler.dead_letter))
        self._add(WebhookReceived.TYPE, replace(handler, by_event=self._table))

    @property
    def from_gateway(self) -> tuple[str, ...]:
        """What the gateway makes of the events that it has verified."""
        return (WebhookReceived.TYPE,)

    def on(self, source: str, pattern: str) -> Callable[[F], F]:
        """Declare the handler of a source's events whose type is `pattern`, in which * stands for anything.

        The very type counts before patterns, and these in their order. The source is named in the gateway's file of
        sources: two accounts at one provider are two sources. An event for which there is no handler is skipped.
        """

        def declare(function: F) -> F:
            declared = read_returning(function, _POSITIONAL)
            if not re.fullmatch(SOURCE, source):
                raise DeclarationError(
                    declared.place, f"{source!r} is no name of a source: write it in lower case, as in 'stripe'"
                )
            if not pattern:
                raise DeclarationError(declared.place, "the type of the events is empty: write, for instance, '*'")
            first = self._table.setdefault((source, pattern), declared)
            if first is not declared:
                raise DeclarationError(
                    declared.place,
                    f"{pattern} of {source} has a handler already, {first.name} at {first.place}: keep one",
                )
            return function

        return declare


async def _unhandled(event: WebhookEvent, job: Job) -> None:
    """Skip what has no handler."""
    del job
    raise Skip(f"there is no handler for {event.type} of {event.source}")
