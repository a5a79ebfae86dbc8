"""A group of dead letters: those of one fault."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Group:
    """Dead letters of the same fault; `first` and `last` are of all that were seen since the console started."""

    name: str
    service: str
    reason: str
    pattern: str
    count: int
    first: datetime
    last: datetime
