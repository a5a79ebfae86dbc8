"""A place where a job was found."""

from datetime import datetime

import msgspec


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
    stream: str = ""
    sequence: int = 0
