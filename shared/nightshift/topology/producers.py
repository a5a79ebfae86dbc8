"""Who outside may publish which jobs: producers, read from a TOML file, and whoever calls a gateway.

A table for each user of the broker:

    [webshop]
    jobs = ["email.send", "report.*"]   # job types, or all of a service; "*" for all that are not internal
    waits = true                        # may also hear what becomes of them, and what they return
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nightshift.contract.catalogue import Catalogue
from nightshift.text import meant_or_all

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Producer(NamedTuple):
    """A user of the broker outside."""

    jobs: Sequence[str]
    """The job types that it may publish."""
    waits: bool = False
    """Whether it may hear what becomes of jobs of these services, and ask what its own have returned."""


def producer_account(name: str) -> str:
    """Return the account of a producer."""
    return "PRODUCER" if name == "producer" else f"PRODUCER_{name.upper().replace('-', '_')}"


class ProducersError(Exception):
    """The file of producers is wrong; the text lists every problem, one line each."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"the producers in {file} are wrong:\n" + "\n".join(f"  {problem}" for problem in problems))


def read_producers(file: Path, catalogue: Catalogue, taken: frozenset[str]) -> dict[str, Producer]:
    """Return what each producer may do; `taken` are the names of users that are no producers.

    Raises:
        ProducersError: the file cannot be read, or names what does not exist or must not be given away.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ProducersError(file, [f"the file cannot be read: {error}", *_hint(error)]) from None
    problems = list(_problems(tables, catalogue, taken))
    if problems:
        raise ProducersError(file, problems)
    return {
        name: Producer(_matching(table["jobs"], catalogue), waits=table.get("waits", False))
        for name, table in tables.items()
    }


def _hint(error: Exception) -> list[str]:
    """Return what to do about a checkout that was made under umask 077: containers have users of their own."""
    if not isinstance(error, PermissionError):
        return []
    return ["whoever runs this may not read it; in a checkout that is its owner's alone: chmod -R go+rX ."]


def offered_types(patterns: Sequence[str], catalogue: Catalogue, *, setting: str = "GATEWAY_JOBS") -> list[str]:
    """Return the job types that a gateway (or `setting`) takes from outside: one by one, or by a producer's patterns.

    Raises:
        ValueError: one is internal, or matches no type; the text names it.
    """
    problems = [problem for pattern in patterns for problem in _pattern_problems(setting, pattern, catalogue)]
    if problems:
        raise ValueError("\n".join(problems))
    return _matching(patterns, catalogue)


def _matching(patterns: Sequence[str], catalogue: Catalogue) -> list[str]:
    return [name for name in catalogue.public() if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _problems(tables: Mapping[str, Any], catalogue: Catalogue, taken: frozenset[str]) -> Iterator[str]:
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            yield f"[{name}]: a name is lower-case letters, digits and hyphens"
        elif name in taken:
            yield f"[{name}]: this name belongs to a user of the product: choose another one"
        if not _is_well_formed(table):
            yield f'[{name}]: write jobs = ["email.send", …], perhaps waits = true, and nothing else'
            continue
        for pattern in table["jobs"]:
            yield from _pattern_problems(f"[{name}]", pattern, catalogue)


def _is_well_formed(table: object) -> bool:
    return (
        isinstance(table, dict)
        and {"jobs"} <= set(table) <= {"jobs", "waits"}
        and _is_list_of_text(table["jobs"])
        and isinstance(table.get("waits", False), bool)
    )


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _pattern_problems(where: str, pattern: str, catalogue: Catalogue) -> Iterator[str]:
    if pattern in catalogue.internal:
        yield f"{where}: {pattern} is internal: only services and the operator publish it"
    elif not _matching([pattern], catalogue):
        known = catalogue.public()
        hint = meant_or_all(pattern, sorted(known))
        yield f"{where}: no job type matches {pattern!r}{hint}"
