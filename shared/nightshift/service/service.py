"""A service that an application declares in a module of its own, with what its jobs need."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, overload

from nightshift.backoff import Retries
from nightshift.config.settings import Settings
from nightshift.contract.declaration import DeclarationError, DeclaredSchedule, place_of
from nightshift.contract.message import Message
from nightshift.contract.wire import RESERVED_SERVICES
from nightshift.service.declarations import GIVEN, Declarations
from nightshift.service.declared import DeclaredHandler, JobOptions, event_handler, job_handler
from nightshift.service.signature import read
from nightshift.service.upkeep import declare_upkeep

F = TypeVar("F", bound=Callable[..., Any])
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Service(Declarations):
    """A service: its handlers, schedules, and what they need. Declaring one opens nothing and reads no environment.

        billing = Service("billing", settings=BillingSettings, publishes=[SendEmail], schema="shop.schema")

        @billing.handler(retries=Retries(most=10, base=2.0), timeout=60)
        async def charge_invoice(message: ChargeInvoice, job: Job, *, database: Database, psp: Psp) -> None: ...

    Functions stay what they are, so a test calls them. A handler takes its message, which its first annotation names,
    and the job; what else it needs it asks for by name: `settings`, `database`, `objects`, `publisher`, `context` (a
    `ServiceContext`), and what the service provides by `resource`. A plain `def` runs in a thread.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: type[Settings] = Settings,
        publishes: Iterable[type[Message]] = (),
        schema: str | None = None,
        tables: Mapping[str, str] | None = None,
        objects: Mapping[str, str] | None = None,
    ) -> None:
        """Declare a service.

        Args:
            name: the first token of its job types; also the name of its streams, its consumers, and its broker user.
            settings: what its processes read from the environment.
            publishes: the messages of other services that its jobs enqueue; the broker lets it publish no others.
            schema: the package of its tables, whose migrations are in `<schema>.migrations`.
            tables: what its role in PostgreSQL may do with tables, such as `{"stock": "SELECT, UPDATE (left)"}`; with
                Nightshift's own it may do what a worker needs. It counts where `provision` makes roles.
            objects: what its key at the object store may do in folders: `{"invoices/": "read, write, list"}`.

        Raises:
            DeclarationError: the name cannot be one.
        """
        caller = sys._getframe(1)  # noqa: SLF001 - where it is declared, for errors
        self.place = place_of(caller.f_code, caller.f_lineno)
        if name in RESERVED_SERVICES:
            raise DeclarationError(self.place, f"the name {name!r} of a service {RESERVED_SERVICES[name]}")
        if not _NAME.fullmatch(name):
            raise DeclarationError(
                self.place,
                f"the name {name!r} of a service cannot be one: write up to 31 lower-case letters, digits, hyphens",
            )
        super().__init__(name, schema, publishes, tables, objects)
        if not _is_settings(settings):
            raise DeclarationError(self.place, f"settings={settings!r}: name a subclass of nightshift.Settings")
        self.settings = settings

    @overload
    def handler(self, function: F, /) -> F: ...
    @overload
    def handler(
        self,
        function: None = None,
        /,
        *,
        retries: Retries | None = None,
        timeout: float | None = None,
        inbox: bool = True,
        internal: bool = False,
        on_dead_letter: Callable[..., Any] | None = None,
        message: type[Message] | None = None,
        decode: Callable[[bytes], Any] | None = None,
    ) -> Callable[[F], F]: ...
    def handler(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        retries: Retries | None = None,
        timeout: float | None = None,
        inbox: bool = True,
        internal: bool = False,
        on_dead_letter: Callable[..., Any] | None = None,
        message: type[Message] | None = None,
        decode: Callable[[bytes], Any] | None = None,
    ) -> Any:
        """Declare the handler of a message, which is the annotation of the function's first parameter.

        Args:
            function: where the decorator stands without parentheses.
            retries: how often jobs are tried, and after which waits, instead of what the message's `RETRIES` say.
            timeout: the time limit in seconds; at most the message's `TIMEOUT_SECONDS`.
            inbox: False for jobs that may run twice, and neither write nor enqueue.
            internal: no producer may publish it.
            on_dead_letter: is told of each job that is given up on: its message, the job, the reason, and by name
                what it asks for. It may be told more than once.
            message: the message, where the first parameter is something else, which `decode` makes of a body.
            decode: makes of a body what the handler takes; raises `msgspec.ValidationError` for one that is wrong.

        Raises:
            DeclarationError: the annotation is missing, or names a message of another service, or one that has a
                handler already.
        """
        options = JobOptions(retries, timeout, inbox, internal, on_dead_letter, decode)

        def declare(function: F) -> F:
            handler = job_handler(self.name, function, options, message)
            self._add(handler.message.TYPE, handler)
            return function

        return declare if function is None else declare(function)

    def every(self, name: str, expression: str, *, time_zone: str = "UTC", misfire: str = "latest") -> Callable[[F], F]:
        """Declare a schedule, and the handler of its events: it takes a `ScheduleFired` and enqueues the jobs.

        Args:
            name: two or more tokens, such as `billing.dunning`. The first one says whose schedule it is.
            expression: five cron fields, or six with seconds first.
            time_zone: in which the expression is meant.
            misfire: what becomes of due times that were missed: `skip`, `latest` or `all`.
        """

        def declare(function: F) -> F:
            handler = event_handler(name, function)
            self._add(f"cron.{name}", handler)
            self.timetable.append(DeclaredSchedule(name, expression, time_zone, misfire, handler.declared.place))
            return function

        return declare

    def event(self, name: str) -> Callable[[F], F]:
        """Declare the handler of a schedule that is written elsewhere: in the file that SCHEDULES_FILE names."""
        if callable(name):  # the decorator stands without parentheses
            place = read(name, ("event: ScheduleFired", "job: Job")).place
            raise DeclarationError(place, "the schedule is not named: write @….event('billing.dunning')")

        def declare(function: F) -> F:
            self._add(f"cron.{name}", event_handler(name, function))
            return function

        return declare

    def upkeep(
        self, expression: str = "@daily", *, time_zone: str = "UTC", inbox_days: int = 60, result_days: int = 7
    ) -> None:
        """Let this service remove what Nightshift itself keeps and nobody needs any more: one service of a database.

        Args:
            expression: when, as in `every`; the schedule and the job are called `<service>.upkeep`.
            time_zone: in which the expression is meant.
            inbox_days: the age at which it is forgotten that a job was done, 45 at least.
            result_days: the age at which what jobs returned is forgotten.
        """
        declare_upkeep(self, expression, time_zone=time_zone, days=(inbox_days, result_days))

    def resource(self, function: F) -> F:
        """Declare what handlers, and later resources, can ask for by the function's name.

        The function returns it, or yields it once, and closes it after that; it may be async. It is called once, at the
        start of each process, and may ask for other things by name itself.
        """
        declared = read(function, ())
        if declared.name in (*GIVEN, *self.resources):
            raise DeclarationError(
                declared.place, f"the service {self.name} has a {declared.name!r} already: rename it"
            )
        declared.check(self.name, (*GIVEN, *self.resources))
        self.resources[declared.name] = declared
        return function

    def around(self, function: F) -> F:
        """Declare what happens around each job: an async generator function of message and job that yields once.

        What the handler raises is raised at the `yield`, and has to be let through. The first one is outermost.
        """
        hook = read(function, ("message", "job"))
        if not inspect.isasyncgenfunction(function):
            raise DeclarationError(hook.place, f"{hook.name} has to be an async def that yields once, around the job")
        self.hooks.append(hook)
        return function

    def run(
        self, program: str = "", arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
    ) -> int:
        """Run a worker of this service until SIGTERM or Ctrl-C.

        Return the exit code: 0 stopped, 1 broken, 2 wrong settings. `program` is its name in `--help`; `arguments` and
        `environ` are those of the process unless given.
        """
        from nightshift.service.running import run  # noqa: PLC0415 - whoever only publishes loads no worker

        return run(self, program, arguments, environ)

    def _add(self, job_type: str, handler: DeclaredHandler) -> None:
        first = self.handlers.setdefault(job_type, handler)
        if first is not handler:
            raise DeclarationError(
                handler.declared.place,
                f"{job_type} has a handler already, {first.declared.name} at {first.declared.place}: keep one",
            )


def _is_settings(given: Any) -> bool:
    return isinstance(given, type) and issubclass(given, Settings)
