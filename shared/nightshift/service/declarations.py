"""What was declared for a service, as it is read: by a catalogue, and by the process that runs it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nightshift.backoff import Retries
from nightshift.contract.access import parse_folders, parse_privileges
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.declaration import DeclarationError, DeclaredSchedule, ServiceDeclaration
from nightshift.contract.message import Message
from nightshift.service.declared import DeclaredHandler, check_schedules

if TYPE_CHECKING:
    from nightshift.service.signature import DeclaredFunction

GIVEN = ("settings", "database", "objects", "publisher", "context")
"""What every handler and resource can ask for by name, besides the service's own resources."""


class Declarations(ServiceDeclaration):
    """The handlers, resources, hooks and schedules of one service."""

    def __init__(
        self,
        name: str,
        schema: str | None,
        publishes: Iterable[type[Message]],
        tables: Mapping[str, str] | None,
        objects: Mapping[str, str] | None,
    ) -> None:
        self.name, self.schema, self.tables, self.objects = name, schema, tables or {}, objects or {}
        self.handlers: dict[str, DeclaredHandler] = {}
        """By job type, or `cron.<name>` of a schedule."""
        self.resources: dict[str, DeclaredFunction] = {}
        self.hooks: list[DeclaredFunction] = []
        self.timetable: list[DeclaredSchedule] = []
        self._publishes = tuple(publishes)

    @property
    def messages(self) -> Mapping[str, type[Message]]:
        """The messages that it handles, by job type."""
        return {name: one.message for name, one in self.handlers.items() if one.message is not ScheduleFired}

    @property
    def publishes(self) -> tuple[type[Message], ...]:
        """The messages of other services that it enqueues."""
        return self._publishes

    @property
    def internal(self) -> frozenset[str]:
        """The job types that no producer may publish."""
        return frozenset(name for name, one in self.handlers.items() if one.options.internal)

    @property
    def from_gateway(self) -> tuple[str, ...]:
        """Those of its job types that the gateway enqueues of its own accord."""
        return ()

    @property
    def retries(self) -> Mapping[str, Retries]:
        """How often its jobs are tried, where a handler says it."""
        return {name: one.options.retries for name, one in self.handlers.items() if one.options.retries}

    @property
    def timeouts(self) -> Mapping[str, float]:
        """The time limits in seconds, where a handler has one."""
        return {name: one.options.timeout for name, one in self.handlers.items() if one.options.timeout}

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the schedules whose events it handles."""
        return tuple(name.partition(".")[2] for name, one in self.handlers.items() if one.message is ScheduleFired)

    @property
    def schedules(self) -> tuple[DeclaredSchedule, ...]:
        """The schedules that it declares."""
        return tuple(self.timetable)

    def check(self) -> None:
        """Check that all that is asked for is provided, and that schedules and access can be understood."""
        known = (*GIVEN, *self.resources)
        for declared in [*(one for handler in self.handlers.values() for one in handler.functions()), *self.hooks]:
            declared.check(self.name, known)
        check_schedules(self.name, self.timetable)
        try:
            parse_folders(self.objects)
            for table, words in self.tables.items():
                list(parse_privileges(table, words))
        except ValueError as error:
            raise DeclarationError(self.place, f"the service {self.name}: {error}") from None
