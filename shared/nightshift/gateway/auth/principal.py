"""The principal of a request: which key or token it came with, for whom it acts, what it may do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from nightshift.gateway.auth.scopes import SCOPES
from nightshift.text import did_you_mean

_OF_A_TYPE = "jobs:write:"


class Limits(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a principal may use up; None is the gateway's own default."""

    requests_per_second: float | None = None
    burst: float | None = None
    files_per_day: int | None = None
    bytes_per_day: int | None = None


_NO_LIMITS = Limits()


@dataclass(slots=True, frozen=True, eq=False)
class Principal:
    """Who calls: `key_id` names the key or token in the log; `user` is None where the application itself calls."""

    key_id: str
    user: str | None
    scopes: tuple[str, ...]
    limits: Limits = _NO_LIMITS
    _answers: dict[str, bool] = field(default_factory=dict)

    def may(self, wanted: str) -> bool:
        """Return whether a scope covers what is wanted: `files:read`, or `jobs:write:email.send`."""
        known = self._answers.get(wanted)
        if known is None:
            known = any(_covers(scope, wanted) for scope in self.scopes)
            if len(self._answers) < _REMEMBERED:
                self._answers[wanted] = known
        return known


_REMEMBERED = 100
"""Answers; job types are typed by whoever calls."""


def _covers(scope: str, wanted: str) -> bool:
    if scope.startswith(_OF_A_TYPE):
        return fnmatchcase(wanted, scope)
    return scope == wanted or wanted.startswith(scope + ":")


def scope_problems(scopes: Iterable[str]) -> Iterator[str]:
    """Yield a line for each scope that there is not."""
    for scope in scopes:
        if scope not in SCOPES and not (scope.startswith(_OF_A_TYPE) and scope != _OF_A_TYPE):
            hint = did_you_mean(scope, SCOPES) or f"; there are: {', '.join(SCOPES)}, and jobs:write:<type or pattern>"
            yield f"there is no scope {scope!r}{hint}"
