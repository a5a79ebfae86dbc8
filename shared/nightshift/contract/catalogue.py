"""The catalogue: every message of an application, who enqueues it, and who handles which events."""

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

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
    """What a package of contracts declares.

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
    timetable: Path | None
    """The schedules that ship with the contracts, a TOML file; None without any."""

    def public(self) -> list[str]:
        """Return the job types that a producer may be allowed to publish."""
        return [job_type for job_type in self.messages if job_type not in self.internal]

    def short_services(self) -> frozenset[str]:
        """Return the services of which every job type has a time limit of `SHORT_SECONDS` or less."""
        services = {service_of(job_type) for job_type in self.messages}
        long = {service_of(name) for name, cls in self.messages.items() if not _is_short(cls)}
        return frozenset(services - long)

    def types_of(self, service: str) -> list[str]:
        """Return the job types that a service handles."""
        return [job_type for job_type in self.messages if service_of(job_type) == service]


def _is_short(message: type[Message]) -> bool:
    return message.TIMEOUT_SECONDS is not None and message.TIMEOUT_SECONDS <= SHORT_SECONDS


def exists(package: str) -> bool:
    """Return whether there is such a package of contracts; its parents are imported to look."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@functools.cache
def load_catalogue(package: str = PACKAGE) -> Catalogue:
    """Import all modules of a package and return what they declare.

    Raises:
        ModuleNotFoundError: there is no such package.
        TypeError: two classes have one subject.
    """
    root = importlib.import_module(package)
    messages: dict[str, type[Message]] = {}
    declared = dict(vars(root))
    for module in _modules(root):
        if module.__name__ == f"{package}.{_PUBLISHERS}":
            declared |= vars(module)
        for cls in _messages(module):
            first = messages.setdefault(cls.TYPE, cls)
            if first is not cls:
                raise TypeError(f"{cls.__name__}: SUBJECT {cls.SUBJECT!r} belongs to {first.__name__} already")
    timetable = Path(root.__path__[0]) / _TIMETABLE if hasattr(root, "__path__") else None
    return Catalogue(
        messages=messages,
        publishes=declared.get("PUBLISHES", {}),
        event_consumers=declared.get("EVENT_CONSUMERS", {}),
        gateways=declared.get("GATEWAYS", {}),
        internal=declared.get("INTERNAL", frozenset()),
        counts_dead_letters=declared.get("COUNTS_DEAD_LETTERS", frozenset()),
        timetable=timetable if timetable is not None and timetable.is_file() else None,
    )


def _modules(root: ModuleType) -> Iterator[ModuleType]:
    yield root
    for found in pkgutil.iter_modules(getattr(root, "__path__", ())):
        yield importlib.import_module(f"{root.__name__}.{found.name}")


def _messages(module: ModuleType) -> Iterator[type[Message]]:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Message)
            and value.TYPE
            and value.__module__ == module.__name__
        ):
            yield value
