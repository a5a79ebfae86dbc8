"""Schedules from a TOML file; everything that is wrong with it is named in one message.

A table for each schedule; `name` and, unless it changes a built-in schedule, `schedule` are required:

    [[schedules]]
    name = "sync.often"            # the first token says which service handles it
    schedule = "*/15 * * * *"      # five fields, or six with seconds first
    time_zone = "Europe/Berlin"    # UTC by default
    misfire = "latest"             # skip, latest (the default) or all
    enabled = true                 # false switches a schedule off
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.entry import check_entry, near
from nightshift.text import escape_unprintable

_TABLE = "schedules"
_HOW = 'write one [[schedules]] table per schedule, with name = "sync.often" and schedule = "*/15 * * * *"'


class TimetableError(Exception):
    """The schedules in the settings file are wrong; the text lists every problem, one line each."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        self.problems = tuple(escape_unprintable(problem) for problem in problems)
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"the schedules in {file} (SCHEDULES_FILE) are wrong:\n{listed}")


def read_file(file: Path, known: Mapping[str, Schedule], consumers: Mapping[str, str]) -> tuple[Schedule, ...]:
    """Return the known schedules with those of the file added, changed or switched off.

    `consumers` maps the first token of a name to the service that handles such events.

    Raises:
        TimetableError: the file cannot be read, or entries are wrong.
    """
    problems: list[str] = []
    timetable: dict[str, Schedule | None] = dict(known)
    seen: dict[str, int] = {}
    for number, entry in enumerate(_entries(file), start=1):
        found = check_entry(entry, known, consumers)
        where = f"schedule {number}" + (f" ({found.name})" if found.name else "")
        if found.name in seen:
            found.problems.append(f"name: schedule {seen[found.name]} has the same")
        if found.name:
            seen.setdefault(found.name, number)
            timetable[found.name] = found.schedule if found.enabled else None
        problems += [f"{where}: {problem}" for problem in found.problems]
    if problems:
        raise TimetableError(file, problems)
    return tuple(entry for entry in timetable.values() if entry is not None)


def _entries(file: Path) -> list[Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TimetableError(file, [f"the file cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError:
        raise TimetableError(file, ["the file is not UTF-8 text"]) from None
    except (ValueError, RecursionError) as error:  # a number of too many digits is no TOML error
        raise TimetableError(file, [f"the file is not TOML: {error}"]) from None
    problems = [f"'{name}' is not known{near(name, [_TABLE])}; {_HOW}" for name in content if name != _TABLE]
    entries = content.get(_TABLE, [])
    if not isinstance(entries, list):
        problems.append(f"'{_TABLE}' is no list of tables; {_HOW}")
    if problems:
        raise TimetableError(file, problems)
    return list(entries)
