"""What a person may do: the rights, and the roles that bundle them. This table is the only one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

Role = Literal["viewer", "operator", "admin"]


class Right(StrEnum):
    """One thing that a person may do."""

    LOOK = "look"
    """See figures, queues, jobs and errors, without the bodies of jobs."""
    REVEAL = "reveal"
    """See the body of a job, for a reason that is logged."""


ROLES: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({Right.LOOK}),
    "operator": frozenset({Right.LOOK, Right.REVEAL}),
    "admin": frozenset(Right),
}
