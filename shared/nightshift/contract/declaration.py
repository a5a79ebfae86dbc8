"""What a service declares in its own module, as far as streams, permissions, schedules and documents follow from it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from nightshift.backoff import Retries
from nightshift.contract.message import Message


class DeclarationError(Exception):
    """A declaration that cannot be meant; the text is one line: file, line, what is wrong, what to do."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """A schedule, as it was written: nothing of it is checked yet."""

    name: str
    expression: str
    time_zone: str
    misfire: str
    place: str
    """Where it is declared, for errors: `shop/jobs.py:17`."""

    def table(self) -> dict[str, str]:
        """Return it as the table of a file of schedules."""
        return {
            "name": self.name,
            "schedule": self.expression,
            "time_zone": self.time_zone,
            "misfire": self.misfire,
        }


class ServiceDeclaration(ABC):
    """A service that a module declares; whoever reads a catalogue finds it there by this class."""

    name: str
    place: str
    """Where it is declared."""
    schema: str | None
    """The package of its tables, whose migrations are in `<package>.migrations`; None: it has none of its own."""
    tables: Mapping[str, str]
    """What its role in the database may do with tables, in SQL's words, besides what every worker does."""
    objects: Mapping[str, str]
    """What its key at the object store may do, by folders, besides what every worker does."""

    @property
    @abstractmethod
    def messages(self) -> Mapping[str, type[Message]]:
        """The messages that it handles, by job type."""

    @property
    @abstractmethod
    def publishes(self) -> tuple[type[Message], ...]:
        """The messages of other services that it enqueues; its own it may enqueue anyway."""

    @property
    @abstractmethod
    def internal(self) -> frozenset[str]:
        """Those of its job types that no producer may publish."""

    @property
    @abstractmethod
    def from_gateway(self) -> tuple[str, ...]:
        """Those of its job types that the gateway enqueues of its own accord."""

    @property
    @abstractmethod
    def retries(self) -> Mapping[str, Retries]:
        """How often its jobs are tried, by job type."""

    @property
    @abstractmethod
    def timeouts(self) -> Mapping[str, float]:
        """The time limits of its handlers in seconds, by job type, for those that have one."""

    @property
    @abstractmethod
    def events(self) -> tuple[str, ...]:
        """The names of the schedules whose events it handles."""

    @property
    @abstractmethod
    def schedules(self) -> tuple[DeclaredSchedule, ...]:
        """The schedules that it declares."""

    @abstractmethod
    def check(self) -> None:
        """Check what can be known only when its module has been read to its end.

        Raises:
            DeclarationError: something does not fit together.
        """


def place_of(code: CodeType, line: int | None = None) -> str:
    """Return where code stands, as one types it: `shop/jobs.py:17`."""
    return f"{shown(code.co_filename)}:{line or code.co_firstlineno}"


def shown(file: str) -> str:
    """Return a path relative to the working directory, if it is within."""
    try:
        return str(Path(file).relative_to(os.getcwd()))  # noqa: PTH109 - a path that is gone is no error here
    except (ValueError, OSError):
        return file
