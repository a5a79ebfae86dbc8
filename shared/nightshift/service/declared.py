"""A handler as it was declared: its message, its function, its options."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightshift.backoff import Retries
from nightshift.contract.cron import ScheduleFired, event_subject
from nightshift.contract.declaration import DeclarationError, DeclaredSchedule
from nightshift.contract.message import Message
from nightshift.contract.wire import service_of
from nightshift.service.signature import DeclaredFunction, read_returning

EventTable = dict[tuple[str, str], DeclaredFunction]
"""The handlers of webhooks, by source and pattern of the event's type."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a handler says about its jobs."""

    retries: Retries | None = None
    timeout: float | None = None
    inbox: bool = True
    internal: bool = False
    on_dead_letter: Callable[..., Any] | None = None
    decode: Callable[[bytes], Any] | None = None
    """Makes of a body what the handler takes, where that is more than the message."""


@dataclass(frozen=True, slots=True)
class DeclaredHandler:
    """One handler."""

    message: type[Message]
    declared: DeclaredFunction
    options: JobOptions
    dead_letter: DeclaredFunction | None = None
    by_event: EventTable = field(default_factory=dict)
    """Those that take the place of `declared` for the events of a provider."""

    def working(self) -> Iterator[DeclaredFunction]:
        """Yield what does its jobs."""
        yield self.declared
        yield from self.by_event.values()

    def functions(self) -> Iterator[DeclaredFunction]:
        """Yield what is to be called for its jobs, and for those that are given up on."""
        yield from self.working()
        if self.dead_letter is not None:
            yield self.dead_letter


def job_handler(
    service: str, function: Callable[..., Any], options: JobOptions, message: Any = None
) -> DeclaredHandler:
    """Read the handler of a message, by default of the one that the first parameter's annotation names.

    Raises:
        DeclarationError: there is no such annotation, or the message is another service's, or the time limit is longer
            than the message's.
    """
    declared = read_returning(function, ("message: …", "job: Job"))
    _check_options(declared, options)
    message = message or declared.first
    if not (isinstance(message, type) and issubclass(message, Message) and message.TYPE):
        raise DeclarationError(
            declared.place,
            f"{declared.name} has to say which message it takes: annotate its first parameter with a subclass of "
            "Message that has a SUBJECT",
        )
    if service_of(message.TYPE) != service:
        raise DeclarationError(
            declared.place,
            f"{message.__name__} has the subject {message.SUBJECT}, which belongs to the service "
            f"{service_of(message.TYPE)!r}, not to {service!r}",
        )
    most = message.TIMEOUT_SECONDS
    if options.timeout is not None and (options.timeout <= 0 or (most is not None and options.timeout > most)):
        limit = "more than 0" if most is None else f"more than 0 and at most the {most:g} of {message.__name__}"
        raise DeclarationError(
            declared.place, f"{declared.name}: timeout={options.timeout:g} seconds, it has to be {limit}"
        )
    told = options.on_dead_letter
    hook = None if told is None else read_returning(told, ("message", "job", "reason"))
    return DeclaredHandler(message, declared, options, hook)


def _check_options(declared: DeclaredFunction, options: JobOptions) -> None:
    retries, timeout = options.retries, options.timeout
    if retries is not None and not isinstance(retries, Retries):
        raise DeclarationError(
            declared.place,
            f"{declared.name}: retries={retries!r}: write retries=Retries(most=…), which counts the first attempt, too",
        )
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
        raise DeclarationError(declared.place, f"{declared.name}: timeout={timeout!r}: write a number of seconds")


def event_handler(name: str, function: Callable[..., Any]) -> DeclaredHandler:
    """Read the handler of a schedule's events.

    Raises:
        DeclarationError: its first parameter is none, or the name cannot be one.
    """
    declared = read_returning(function, ("event: ScheduleFired", "job: Job"))
    if declared.first is not ScheduleFired:
        raise DeclarationError(
            declared.place, f"{declared.name} handles a schedule: annotate its first parameter, event: ScheduleFired"
        )
    try:
        event_subject(name)
    except ValueError as error:
        raise DeclarationError(declared.place, str(error)) from None
    return DeclaredHandler(ScheduleFired, declared, JobOptions())


def check_schedules(service: str, schedules: Sequence[DeclaredSchedule]) -> None:
    """Check the schedules of a service, where the library for that is installed; the scheduler has it.

    Raises:
        DeclarationError: one is wrong; the text names each wrong field of it.
    """
    try:
        from nightshift.scheduler.timetable.declared import declared_schedules  # noqa: PLC0415 - needs an extra
    except ImportError:
        return
    for schedule in schedules:
        list(declared_schedules([schedule], {schedule.name.partition(".")[0]: service}))
