"""A place where a job was found."""

from datetime import datetime

import msgspec

from nightshift.cli.queries.events import Told


class Location(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A place where a job was found, and its state there."""

    state: str
    type: str
    job_id: str
    where: str
    at: datetime | None = None
    """When it got there; for a scheduled job, when it will run."""
    attempt: int | None = None
    most: int | None = None
    """The attempts that its type's contract allows."""
    detail: str = ""
    history: tuple[Told, ...] = ()
    """What was told of it, as long as that is kept."""
    stream: str = ""
    sequence: int = 0
