"""The streams and consumers that the messages of a catalogue need, as data."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from nightshift.contract.catalogue import Catalogue
from nightshift.contract.wire import JOBS, MAX_MESSAGE_BYTES, service_of
from nightshift.topology.audit_stream import AUDIT_STREAM, AUDIT_SUBJECTS, RECORDED, audit_options
from nightshift.topology.console_stream import BEGUN, CONSOLE_OPTIONS, CONSOLE_STREAM, CONSOLE_SUBJECTS
from nightshift.topology.consumer import Consumer
from nightshift.topology.event_stream import EVENTS_STREAM, EVENTS_SUBJECTS, event_options

_GIB = 1024**3
DUPLICATE_WINDOW = timedelta(minutes=2)
DEAD_LETTER_AGE = timedelta(days=30)
MAX_WAITING_BYTES = MAX_MESSAGE_BYTES + 64 * 1024
"""A copy that waits has more headers than the job; its dead letter has even more, within the broker's 1 MB."""
EVENTS_KEPT = 200
"""Events kept per schedule; the newest is the scheduler's memory. Twice what a scheduler makes up for at once, so that
the alert on events that wait fires before any is dropped."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream and what it is for; `options` are the fields of its JetStream configuration."""

    name: str
    subjects: tuple[str, ...]
    purpose: str
    options: Mapping[str, Any]

    def config(self, replicas: int) -> dict[str, Any]:
        """Return the request body of `$JS.API.STREAM.CREATE`."""
        common = {"storage": "file", "num_replicas": replicas, "duplicate_window": _ns(DUPLICATE_WINDOW)}
        return {"name": self.name, "subjects": list(self.subjects), **common, **self.options}

    @property
    def is_queue(self) -> bool:
        """Whether it holds a service's jobs to do now."""
        return self.subjects[0].startswith(JOBS)


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that must exist at the broker before a worker pulls."""

    streams: tuple[Stream, ...]
    consumers: tuple[Consumer, ...]

    def consumers_of(self, service: str) -> list[Consumer]:
        """Return the consumers that a service's workers pull."""
        return [consumer for consumer in self.consumers if consumer.name == service]


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Where a queue is full; beyond it the broker refuses whoever publishes."""

    queue_bytes: int = _GIB
    dead_letter_bytes: int = _GIB // 4
    event_bytes: int = _GIB // 2
    audit_bytes: int = _GIB // 4


def queue_stream(service: str) -> str:
    """Return the name of the stream of jobs to do now."""
    return service.upper()


def later_stream(service: str) -> str:
    """Return the name of the stream of jobs that wait for their time."""
    return f"{service.upper()}_LATER"


def dead_letter_stream(service: str) -> str:
    """Return the name of the stream of jobs given up on; for `cron`, of events."""
    return f"{service.upper()}_DLQ"


CRON_STREAM = "CRON"
CRON_PAUSED_STREAM = "CRON_PAUSED"


def declared_topology(
    catalogue: Catalogue, limits: StreamLimits | None = None, *, bulk_removal: bool = True
) -> Topology:
    """Compute the topology of a whole catalogue; with `bulk_removal` queues of short jobs are emptied in bulk."""
    bulk = catalogue.short_services() if bulk_removal else ()
    return topology(catalogue.messages, catalogue.event_consumers, limits, bulk=bulk)


def topology(
    job_types: Iterable[str],
    event_consumers: Mapping[str, str],
    limits: StreamLimits | None = None,
    *,
    bulk: Collection[str] = (),
) -> Topology:
    """Compute it from the job types that exist and from the consumers of events (first token -> service).

    The queues of the services in `bulk` are emptied in bulk.
    """
    limits = limits or StreamLimits()
    services = sorted({service_of(job_type) for job_type in job_types})
    streams = [stream for service in services for stream in _of_service(service, limits, bulk=service in bulk)]
    consumers = [consumer for service in services for consumer in _consumers(service)]
    consumers += [
        Consumer(stream=CRON_STREAM, name=service, filter=f"cron.{event}.>", new_only=True)
        for event, service in sorted(event_consumers.items())
        if service in services
    ]
    others = (*_of_cron(limits), _told(limits), *_of_people(limits))
    return Topology(streams=(*streams, *others), consumers=tuple(consumers))


def _of_service(service: str, limits: StreamLimits, *, bulk: bool) -> list[Stream]:
    return [
        Stream(
            name=queue_stream(service),
            subjects=(f"jobs.{service}.>",),
            purpose="jobs to do now; full means that the producer is refused",
            options={
                "retention": "limits" if bulk else "workqueue",
                "discard": "new",
                "max_bytes": limits.queue_bytes,
                "max_msg_size": MAX_MESSAGE_BYTES,
                "allow_atomic": True,
                "allow_direct": True,
            },
        ),
        Stream(
            name=later_stream(service),
            subjects=(f"later.{service}.>", f"due.{service}.>"),
            purpose="jobs that wait for their time; no limits, since it could only discard in silence",
            options={
                "retention": "workqueue",
                "max_msg_size": MAX_WAITING_BYTES,
                "allow_msg_schedules": True,
                "allow_direct": True,
            },
        ),
        _dead_letters(service, limits),
    ]


def _of_cron(limits: StreamLimits) -> list[Stream]:
    events = Stream(
        name=CRON_STREAM,
        subjects=("cron.>",),
        purpose="events of schedules; the newest of each is the scheduler's memory",
        options={
            "retention": "limits",
            "max_msgs_per_subject": EVENTS_KEPT,
            "allow_atomic": True,
            "max_msg_size": MAX_MESSAGE_BYTES,
            "allow_direct": True,
        },
    )
    return [events, _dead_letters("cron", limits), _pauses()]


def _pauses() -> Stream:
    return Stream(
        name=CRON_PAUSED_STREAM,
        subjects=("paused.>",),
        purpose="which schedules are paused; one message each, gone when it is resumed",
        options={
            "retention": "limits",
            "max_msgs_per_subject": 1,
            "max_msg_size": MAX_MESSAGE_BYTES,
            "allow_direct": True,
        },
    )


def _told(limits: StreamLimits) -> Stream:
    purpose = "what became of jobs, as their workers tell it"
    return Stream(
        name=EVENTS_STREAM, subjects=EVENTS_SUBJECTS, purpose=purpose, options=event_options(limits.event_bytes)
    )


def _of_people(limits: StreamLimits) -> list[Stream]:
    return [
        Stream(name=AUDIT_STREAM, subjects=AUDIT_SUBJECTS, purpose=RECORDED, options=audit_options(limits.audit_bytes)),
        Stream(name=CONSOLE_STREAM, subjects=CONSOLE_SUBJECTS, purpose=BEGUN, options=CONSOLE_OPTIONS),
    ]


def _dead_letters(service: str, limits: StreamLimits) -> Stream:
    return Stream(
        name=dead_letter_stream(service),
        subjects=(f"dead.{service}.>",),
        purpose="jobs given up on, with the reason in their headers",
        options={
            "retention": "limits",
            "discard": "new",
            "max_age": _ns(DEAD_LETTER_AGE),
            "max_bytes": limits.dead_letter_bytes,
            "allow_direct": True,
        },
    )


def _consumers(service: str) -> list[Consumer]:
    return [
        Consumer(stream=queue_stream(service), name=service, filter=f"jobs.{service}.>"),
        Consumer(stream=later_stream(service), name=service, filter=f"due.{service}.>"),
    ]


def _ns(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1_000_000_000)
