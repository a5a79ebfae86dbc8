"""What the modules of a catalogue declare, put together: two of them must not say different things."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from nightshift.contract.declaration import DeclarationError, ServiceDeclaration
from nightshift.contract.message import Message
from nightshift.contract.wire import service_of


@dataclass(slots=True)
class Merged:
    """What was found so far."""

    messages: dict[str, type[Message]] = field(default_factory=dict)
    services: dict[str, ServiceDeclaration] = field(default_factory=dict)
    publishes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    event_consumers: dict[str, str] = field(default_factory=dict)
    gateways: dict[str, tuple[str, ...]] = field(default_factory=dict)
    internal: set[str] = field(default_factory=set)
    counts_dead_letters: set[str] = field(default_factory=set)
    borrowed: dict[str, type[Message]] = field(default_factory=dict)
    """Messages that a module with services publishes to a service that it does not have."""

    def add_settings(self, names: Mapping[str, Any]) -> None:
        """Add what a package says by names of its own: `PUBLISHES`, `EVENT_CONSUMERS`, `INTERNAL`, …."""
        self.publishes |= names.get("PUBLISHES", {})
        self.event_consumers |= names.get("EVENT_CONSUMERS", {})
        self.gateways |= names.get("GATEWAYS", {})
        self.internal |= names.get("INTERNAL", frozenset())
        self.counts_dead_letters |= names.get("COUNTS_DEAD_LETTERS", frozenset())

    def add_modules(self, modules: Sequence[ModuleType]) -> None:
        """Add the messages and the services of a package's modules.

        Raises:
            TypeError: two classes have one subject.
        DeclarationError: two services have one name, or schedules that begin with the same word.
        """
        services = [service for module in modules for service in _services(module)]
        for service in services:
            self._add_service(service)
        for message in [message for module in modules for message in _messages(module)]:
            if services and service_of(message.TYPE) not in self.services:
                self.borrowed.setdefault(message.TYPE, message)
            else:
                self._add_message(message)

    def check(self) -> None:
        """Check each service, now that all modules have been read.

        Raises:
            DeclarationError: something does not fit together.
        """
        with_tables = [service for service in self.services.values() if service.schema]
        for service in with_tables:
            if service.schema != with_tables[0].schema:
                raise DeclarationError(
                    service.place,
                    f"the tables of {service.name} are in {service.schema}, those of {with_tables[0].name} in "
                    f"{with_tables[0].schema}: one package, and one history of migrations, has them all",
                )
        for service in self.services.values():
            service.check()

    def foreign(self) -> dict[str, type[Message]]:
        """Return the messages of services that are not declared here."""
        return {name: message for name, message in self.borrowed.items() if name not in self.messages}

    def _add_message(self, message: type[Message]) -> None:
        first = self.messages.setdefault(message.TYPE, message)
        if first is not message:
            raise TypeError(f"{message.__name__}: SUBJECT {message.SUBJECT!r} belongs to {first.__name__} already")

    def _add_service(self, service: ServiceDeclaration) -> None:
        first = self.services.setdefault(service.name, service)
        if first is not service:
            raise DeclarationError(
                service.place, f"the service {service.name!r} is at {first.place}, too: give this one another name"
            )
        for message in service.messages.values():
            self._add_message(message)
        self.publishes[service.name] = (*service.messages, *(message.TYPE for message in service.publishes))
        for message in service.publishes:
            self.borrowed.setdefault(message.TYPE, message)
        self.internal |= service.internal
        self.gateways["gateway"] = tuple(dict.fromkeys((*self.gateways.get("gateway", ()), *service.from_gateway)))
        for event in service.events:
            first_token = event.partition(".")[0]
            owner = self.event_consumers.setdefault(first_token, service.name)
            if owner != service.name:
                raise DeclarationError(
                    service.place,
                    f"{service.name} handles {event}, but what begins with {first_token!r} goes to the service "
                    f"{owner}: begin the name of the schedule with another word",
                )


def _services(module: ModuleType) -> Iterator[ServiceDeclaration]:
    for value in vars(module).values():
        if isinstance(value, ServiceDeclaration):
            yield value


def _messages(module: ModuleType) -> Iterator[type[Message]]:
    """Yield a module's messages: those that it defines, and those of others that it names in `__all__`."""
    shared = frozenset(getattr(module, "__all__", ()))
    for name, value in vars(module).items():
        if not (isinstance(value, type) and issubclass(value, Message) and value.TYPE):
            continue
        if value.__module__ == module.__name__ or name in shared:
            yield value
