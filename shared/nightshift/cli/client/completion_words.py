"""What may stand where on a command line: read from the parser, for the completion scripts of shells."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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


def places(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Place]:
    """Yield every place of a parser's commands, each before those below it."""
    words, commands = dict[str, str](), dict[str, argparse.ArgumentParser]()
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            texts = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001 - the same
            words |= {name: texts.get(name, "") for name in action.choices}
            commands |= action.choices
    actions = [one for one in _own(parser)._actions if not isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001 - the same
    words |= {word: "" for action in actions if not action.option_strings for word in _values(action)}
    yield Place(path, words, [_option(action) for action in actions if action.option_strings])
    for name, inner in commands.items():
        yield from places(inner, f"{path} {name}")


def _own(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser that reads the arguments of a command: that of a program is its own."""
    with contextlib.suppress(ModuleNotFoundError):  # what it needs is not installed here
        made: argparse.ArgumentParser = (parser.get_default("own") or (lambda: parser))()
        return made
    return parser


def _option(action: argparse.Action) -> Option:
    name = max(action.option_strings, key=len)
    return Option(name, action.help or "", None if action.nargs == 0 else _values(action))


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


def _modules() -> Sequence[str]:
    return Project.of_environment(os.environ).modules_with_services()


def _settings() -> Sequence[str]:
    from nightshift.config.env_fields import variables  # noqa: PLC0415 - as above
    from nightshift.config.settings import Settings  # noqa: PLC0415 - as above

    return [f"{variable.name}=" for variable in variables(Settings)]


_KINDS: Mapping[str, Callable[[], Sequence[str]]] = {
    "FILE": lambda: FILES,
    "FOLDER": lambda: FILES,
    "MODULE": _modules,
    "NAME=VALUE": _settings,
    "REASON": lambda: REASONS,
    "SCHEDULE": _schedules,
    "SERVICE": _services,
    "SERVICE=N": lambda: [f"{name}=" for name in _services()],
    "TYPE": _job_types,
}
"""What an argument is called in `--help` says what may stand for it."""
