"""The catalogue: every message of an application, who enqueues it, and who handles which events."""

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from nightshift.backoff import Retries
from nightshift.contract.declaration import DeclaredSchedule, ServiceDeclaration
from nightshift.contract.merging import Merged
from nightshift.contract.message import Message
from nightshift.contract.wire import service_of

PACKAGE = "contracts"
"""The package of contracts, unless a setting names another."""
_PUBLISHERS = "publishers"
_TIMETABLE = "schedules.toml"
SHORT_SECONDS = 60.0
"""A job that may take longer would keep too many that are done in its queue: that is emptied one by one."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What packages of contracts, or modules with services, declare.

    `messages` maps job types to their classes, `publishes` services to the job types that they enqueue,
    `event_consumers` the first token of a schedule's name to the service that handles its events.
    """

    messages: Mapping[str, type[Message]]
    publishes: Mapping[str, tuple[str, ...]]
    event_consumers: Mapping[str, str]
    gateways: Mapping[str, tuple[str, ...]]
    """Processes that take requests from outside, and the job types that they enqueue of their own accord."""
    internal: frozenset[str]
    """Job types that no producer may publish."""
    counts_dead_letters: frozenset[str]
    """Services that ask the broker how many dead letters there are."""
    timetables: tuple[Path, ...]
    """The schedules that ship with the contracts, TOML files."""
    services: Mapping[str, ServiceDeclaration] = field(default_factory=dict)
    """The services that are declared in the modules themselves."""
    foreign: Mapping[str, type[Message]] = field(default_factory=dict)
    """Messages that are published here, and handled by services of another program, which makes their streams."""

    @property
    def schedules(self) -> tuple[DeclaredSchedule, ...]:
        """The schedules that services declare."""
        return tuple(schedule for service in self.services.values() for schedule in service.schedules)

    @property
    def schema(self) -> str | None:
        """The package of tables that services declare; None where they have none."""
        return next((one.schema for one in self.services.values() if one.schema), None)

    def public(self) -> list[str]:
        """Return the job types that a producer may be allowed to publish."""
        return [job_type for job_type in self.messages if job_type not in self.internal]

    def sent_by_people(self) -> list[str]:
        """Return the job types that an operator may make by hand: all but what a gateway has to have verified."""
        verified = {job_type for types in self.gateways.values() for job_type in types}
        return [job_type for job_type in self.messages if job_type not in verified]

    def short_services(self) -> frozenset[str]:
        """Return the services of which every job type has a time limit of `SHORT_SECONDS` or less."""
        services = {service_of(job_type) for job_type in self.messages}
        long = {service_of(name) for name in self.messages if not self._is_short(name)}
        return frozenset(services - long)

    def types_of(self, service: str) -> list[str]:
        """Return the job types that a service handles."""
        return [job_type for job_type in self.messages if service_of(job_type) == service]

    def retries_of(self, job_type: str) -> Retries:
        """Return how often jobs of a type are tried: as its handler says, else its message."""
        service = self.services.get(service_of(job_type))
        declared = service.retries.get(job_type) if service else None
        return declared or self.messages[job_type].RETRIES

    def timeout_of(self, job_type: str) -> float | None:
        """Return the time limit of a type in seconds, as its handler says, else its message; None without one."""
        service = self.services.get(service_of(job_type))
        declared = service.timeouts.get(job_type) if service else None
        return declared or self.messages[job_type].TIMEOUT_SECONDS

    def _is_short(self, job_type: str) -> bool:
        seconds = self.timeout_of(job_type)
        return seconds is not None and seconds <= SHORT_SECONDS


def names_of(packages: str) -> list[str]:
    """Return the names of the packages in a setting: one, or several with commas."""
    return [name.strip() for name in packages.split(",") if name.strip()]


@functools.cache
def load_catalogue(packages: str = PACKAGE) -> Catalogue:
    """Import all modules of a package, or of several with commas between, and return what they declare.

    Raises:
        ModuleNotFoundError: there is no such package.
        TypeError: two classes have one subject.
        DeclarationError: a service is declared in a way that cannot be meant.
    """
    found, timetables = Merged(), list[Path]()
    for package in names_of(packages):
        root = importlib.import_module(package)
        found.add_settings(vars(root))
        modules = list(_modules(root))
        for module in modules:
            if module.__name__ == f"{package}.{_PUBLISHERS}":
                found.add_settings(vars(module))
        found.add_modules(modules)
        file = Path(root.__path__[0]) / _TIMETABLE if hasattr(root, "__path__") else None
        timetables += [file] if file is not None and file.is_file() else []
    found.check()
    return Catalogue(
        messages=found.messages,
        publishes=found.publishes,
        event_consumers=found.event_consumers,
        gateways=found.gateways,
        internal=frozenset(found.internal),
        counts_dead_letters=frozenset(found.counts_dead_letters),
        timetables=tuple(timetables),
        services=found.services,
        foreign=found.foreign(),
    )


def _modules(root: ModuleType) -> Iterator[ModuleType]:
    yield root
    for found in pkgutil.iter_modules(getattr(root, "__path__", ())):
        yield importlib.import_module(f"{root.__name__}.{found.name}")
