"""Every operation of the system, who sends what to whom, from the contracts alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contracts.publishers import EVENT_CONSUMERS, PUBLISHES
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.scheduler.timetable.timetable import load_timetable

Action = Literal["receive", "send"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A part of the system that receives, or sends, messages on a channel."""

    part: str
    action: Action
    channel: str
    summary: str

    @property
    def key(self) -> str:
        """Its name in the document."""
        return f"{self.part}.{self.action}.{self.channel}"


def schedules() -> list[str]:
    """Return the names of the built-in schedules."""
    return sorted(schedule.name for schedule in load_timetable(load_catalogue()))


def channels() -> list[str]:
    """Return every channel: a subject, without the job id at the end of those on `later.`."""
    jobs = [
        f"{first}.{job_type}"
        for job_type in sorted(load_catalogue().messages)
        for first in ("jobs", "later", "due", "dead")
    ]
    names = schedules()
    events = [wire.CRON + name + end for name in names for end in ("", wire.MANUAL)]
    return [*jobs, *events, *(wire.dead_subject(wire.CRON + name) for name in names)]


def operations() -> list[Operation]:
    """Return all operations, sorted by channel."""
    found = [*_of_jobs(), *_of_events(), *_of_follow_ups()]
    return sorted(found, key=lambda operation: (operation.channel, operation.action, operation.part))


def _of_jobs() -> Iterator[Operation]:
    for job_type in load_catalogue().messages:
        service = wire.service_of(job_type)
        yield Operation(service, "receive", f"jobs.{job_type}", "Works off a job.")
        yield Operation(service, "receive", f"due.{job_type}", "Works off a job whose time has come.")
        yield Operation(service, "send", f"later.{job_type}", "Puts a job back, to be tried again later.")
        yield Operation(service, "send", f"dead.{job_type}", "Gives up on a job, and says why.")


def _of_events() -> Iterator[Operation]:
    for name in schedules():
        event = wire.CRON + name
        yield Operation("scheduler", "send", event, "Tells that a schedule came due, once per due time.")
        service = EVENT_CONSUMERS.get(name.partition(".")[0])
        if service:
            for channel in (event, event + wire.MANUAL):
                yield Operation(service, "receive", channel, "Turns an event into jobs.")
            yield Operation(service, "send", wire.dead_subject(event), "Gives up on an event, and says why.")


def _of_follow_ups() -> Iterator[Operation]:
    for service, types in PUBLISHES.items():
        for job_type in types:
            yield Operation(service, "send", f"jobs.{job_type}", "Enqueues a follow-up job.")
            if wire.service_of(job_type) != service:
                yield Operation(service, "send", f"later.{job_type}", "Enqueues one for later, or past a full queue.")
