"""One schedule of the settings file, checked field by field."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from nightshift.contract.cron import event_subject
from nightshift.scheduler.cron.cron_expression import Expression, ExpressionError, parse
from nightshift.scheduler.cron.schedule import UTC_ZONE, Misfire, Schedule
from nightshift.text import closest

_FIELDS = ("name", "schedule", "time_zone", "misfire", "enabled")
_POLICIES: tuple[Misfire, ...] = get_args(Misfire)
_DEFAULT_POLICY: Misfire = "latest"


@dataclass(slots=True)
class Checked:
    """The schedule of one table, and what is wrong with it."""

    name: str = ""
    enabled: bool = True
    schedule: Schedule | None = None
    problems: list[str] = field(default_factory=list)


def near(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean '…'?` when a known word resembles this one, else nothing."""
    match = closest(word, known)
    return f", did you mean '{match}'?" if match else ""


def check_entry(entry: Any, known: Mapping[str, Schedule], consumers: Mapping[str, str]) -> Checked:
    """Check every field of one table; `known` are the built-in schedules that it may change."""
    checked = Checked()
    if not isinstance(entry, dict):
        checked.problems.append("it is no table")
        return checked
    for unknown in (name for name in entry if name not in _FIELDS):
        hint = near(unknown, _FIELDS) or f" ({', '.join(_FIELDS)} are)"
        checked.problems.append(f"'{unknown}' is no field{hint}")
    checked.name = _name(entry, consumers, checked.problems)
    base = known.get(checked.name)
    checked.enabled = _enabled(entry, checked.problems)
    expression = _expression(entry, base, known, checked)
    zone = _zone(entry, base, checked.problems)
    misfire = _misfire(entry, base, checked.problems)
    if expression is not None:
        checked.schedule = Schedule(checked.name, expression, misfire, zone)
    return checked


def _name(entry: dict[str, Any], consumers: Mapping[str, str], problems: list[str]) -> str:
    name = entry.get("name")
    if not isinstance(name, str):
        problems.append("name: it is missing" if name is None else f"name: {name!r} is no text")
        return ""
    try:
        event_subject(name)
    except ValueError as error:
        problems.append(f"name: {error}")
        return ""
    first = name.partition(".")[0]
    if first not in consumers:
        hint = near(first, consumers) or f" ({', '.join(consumers)} have one)"
        problems.append(f"name: no service handles events of '{first}'{hint}")
    return name


def _enabled(entry: dict[str, Any], problems: list[str]) -> bool:
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        problems.append(f"enabled: {enabled!r} is neither true nor false")
    return enabled is not False


def _expression(
    entry: dict[str, Any], base: Schedule | None, known: Mapping[str, Schedule], checked: Checked
) -> Expression | None:
    text = entry.get("schedule")
    if text is None:
        if base is None:
            checked.problems.append(f"schedule: it is missing{_change_of(checked.name, known)}")
        return base.expression if base else None
    if not isinstance(text, str):
        checked.problems.append(f"schedule: {text!r} is no text")
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        checked.problems.append(f"schedule: '{text[:80]}' is no cron expression: {error}")
        return None


def _change_of(name: str, known: Mapping[str, Schedule]) -> str:
    hint = near(name, known)
    return f"; if it changes a built-in schedule{hint}" if hint else ""


def _zone(entry: dict[str, Any], base: Schedule | None, problems: list[str]) -> ZoneInfo:
    name = entry.get("time_zone")
    if name is None:
        return base.zone if base else UTC_ZONE
    try:
        if name in _zones():
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        pass
    hint = near(str(name), _zones()) or ", expected one like 'Europe/Berlin' or 'UTC'"
    problems.append(f"time_zone: {name!r} is no time zone{hint}")
    return UTC_ZONE


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _misfire(entry: dict[str, Any], base: Schedule | None, problems: list[str]) -> Misfire:
    policy = entry.get("misfire")
    if policy is None:
        return base.misfire if base else _DEFAULT_POLICY
    for known in _POLICIES:
        if policy == known:
            return known
    problems.append(f"misfire: {policy!r} is not one of {', '.join(_POLICIES)}{near(str(policy), _POLICIES)}")
    return _DEFAULT_POLICY
