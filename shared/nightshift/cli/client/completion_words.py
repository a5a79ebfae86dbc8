"""What may stand where on a command line: read from the parser, for the completion scripts of shells."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.cli.client.command import Groups
from nightshift.config.project import Project
from nightshift.contract.wire import REASONS

if TYPE_CHECKING:
    from nightshift.contract.catalogue import Catalogue

FILES = ("@files",)
"""Stands for the names of files."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option, and what may follow it; None: it takes no value."""

    name: str
    text: str
    values: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Place:
    """What may follow a path of commands (` dlq list`): words with what they mean, and options."""

    path: str
    words: Mapping[str, str]
    options: Sequence[Option] = ()


def places(groups: Groups, path: str = "") -> Iterator[Place]:
    """Yield every place of the parser's commands, each before those below it."""
    texts = {action.dest: action.help or "" for action in groups._choices_actions}  # noqa: SLF001 - argparse has no public way to ask
    yield Place(path, {name: texts.get(name, "") for name in groups.choices})
    for name, parser in groups.choices.items():
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - the same
        if inner:
            yield from places(inner[0], f"{path} {name}")
        else:
            yield _leaf(f"{path} {name}", parser._actions)  # noqa: SLF001 - the same


def _leaf(path: str, actions: Sequence[argparse.Action]) -> Place:
    words = {word: "" for action in actions if not action.option_strings for word in _values(action)}
    options = [
        Option(max(action.option_strings, key=len), action.help or "", _values(action) if action.nargs != 0 else None)
        for action in actions
        if action.option_strings
    ]
    return Place(path, words, options)


def _values(action: argparse.Action) -> Sequence[str]:
    """Return what may stand for an argument: its choices, or what its name in `--help` stands for."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    kind = str(action.metavar or action.dest.upper())
    return _KINDS[kind]() if kind in _KINDS else ()


def _catalogue() -> "Catalogue | None":
    from nightshift.contract.catalogue import load_catalogue  # noqa: PLC0415 - only a script needs the contracts
    from nightshift.contract.loading import problem_with  # noqa: PLC0415 - the same

    package = Project.of_environment(os.environ).contracts
    return load_catalogue(package) if problem_with(package) is None else None


def _job_types() -> Sequence[str]:
    catalogue = _catalogue()
    return sorted(catalogue.messages) if catalogue else []


def _services() -> Sequence[str]:
    return sorted({job_type.partition(".")[0] for job_type in _job_types()})


def _schedules() -> Sequence[str]:
    from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable  # noqa: PLC0415 - as above

    catalogue, file = _catalogue(), os.environ.get("SCHEDULES_FILE")
    if catalogue:
        with contextlib.suppress(TimetableError):
            return sorted(one.name for one in load_timetable(catalogue, Path(file) if file else None))
    return []


_KINDS: Mapping[str, Callable[[], Sequence[str]]] = {
    "FILE": lambda: FILES,
    "REASON": lambda: REASONS,
    "SCHEDULE": _schedules,
    "SERVICE": _services,
    "TYPE": _job_types,
}
"""What an argument is called in `--help` says what may stand for it."""
