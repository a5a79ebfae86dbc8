"""What a person may do: the rights, and the roles that bundle them. This table is the only one."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal, get_args

Role = Literal["viewer", "operator", "admin"]


class Right(StrEnum):
    """One thing that a person may do."""

    LOOK = "look"
    """See figures, queues, jobs, errors and what others did, without the bodies of jobs."""
    REVEAL = "reveal"
    """See the body of a job, for a reason that is logged."""
    REDRIVE = "redrive"
    """Let dead letters run again, one or many; stop that."""
    PAUSE = "pause"
    """Pause and resume queues and schedules."""
    CANCEL = "cancel"
    """Take a job back, or stop it."""
    RUN_SCHEDULE = "run-schedule"
    """Announce a schedule by hand."""
    SEND = "send"
    """Send any job."""
    DISCARD = "discard"
    """Remove dead letters for good."""


_ON_CALL = frozenset({Right.LOOK, Right.REVEAL, Right.REDRIVE, Right.PAUSE, Right.CANCEL, Right.RUN_SCHEDULE})
ROLES: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({Right.LOOK}),
    "operator": _ON_CALL,
    "admin": frozenset(Right),
}
READING = frozenset({Right.LOOK, Right.REVEAL})
"""What changes nothing but the record of what people do."""

EVERYBODY: Final = "*"


def roles_of_groups(pairs: Iterable[str]) -> Mapping[str, Role]:
    """Return the role of each group, as settings say it (`on-call=operator`).

    Raises:
        ValueError: one is no such pair, or names no role.
    """
    found = dict[str, Role]()
    for pair in pairs:
        group, _, name = pair.rpartition("=")
        role: Role | None = next((one for one in get_args(Role) if one == name), None)
        if not group or role is None:
            raise ValueError(f"{pair!r} is not a group, = and one of {', '.join(get_args(Role))}")
        found[group] = role
    return found


def highest_role(groups: Iterable[str], roles: Mapping[str, Role]) -> Role | None:
    """Return the highest role that any of a person's groups has; None if none has one."""
    held = {roles[group] for group in (*groups, EVERYBODY) if group in roles}
    return max(held, key=get_args(Role).index, default=None)
