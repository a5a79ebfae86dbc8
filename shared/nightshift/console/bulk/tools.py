"""What all bulks work with, and how one ends before its end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nightshift.broker import Connection
from nightshift.cli.actions.redrive import Redrive
from nightshift.console.bulk.work import Bulk
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex

CANARY_SECONDS = 300.0
"""For the canary's jobs to end."""


class StoppedError(Exception):
    """Ends a bulk before its end; the text says why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all bulks work with."""

    connection: Connection
    redrive: Redrive
    index: LetterIndex
    follower: LetterFollower
    save: Callable[[Bulk], Awaitable[None]]
    canary_seconds: float
