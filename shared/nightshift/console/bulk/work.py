"""A bulk: a frozen set of dead letters, what is done to them, and how far that is."""

import math
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from nightshift.console.letters.wanted import Wanted
from nightshift.contract.audit import AuditEntry

Kind = Literal["redrive", "discard"]
State = Literal["asked", "canary", "running", "stopped", "done"]
"""`asked`: a second person has to agree."""
AGREED_WITHIN = timedelta(days=1)
"""Afterwards it has to be asked for anew."""
LAST = 50
"""So many of the jobs that have been decided last say whether it is stopped."""
_FEWEST = 10


def fewest(share: float, count: int) -> int:
    """Return how many of `count` are a share of them; a share is as exact as a form, not as a float."""
    return math.ceil(round(share * count, 6))


class Fates(msgspec.Struct, kw_only=True, rename="camel"):
    """What became of the jobs that were redriven, as far as it is known."""

    done: int = 0
    dead: int = 0
    failing: int = 0
    """Of those that are open: they failed, and are tried again."""
    open: int = 0
    unknown: int = 0
    """Not followed any more: they were open when the console was started anew, or for an hour after the last one."""

    def forget_open(self) -> None:
        """Count those that are open as unknown: nobody follows them any more."""
        self.unknown, self.open, self.failing = self.unknown + self.open, 0, 0


class Bulk(msgspec.Struct, kw_only=True, rename="camel"):
    """Everything that has to outlive the console; kept as one message of the stream CONSOLE."""

    id: str
    kind: Kind
    begun: datetime
    who: str
    reason: str
    wanted: Wanted
    until: dict[str, int]
    """The newest letter of each service that is meant: what dies later is not."""
    total: int
    per_second: float
    canary: int
    share: float
    """The part of the jobs that has to be done, from 0 to 1, for it to go on."""
    intent: AuditEntry
    """Its entry in the record of actions, which its end refers to."""
    state: State
    after: dict[str, int] = {}
    """The last letter of each service that was acted on."""
    canary_jobs: list[tuple[str, str]] = []
    """Type and id of the first jobs, whose outcome is waited for; kept before the first of them runs."""
    told_before: int = 0
    """Where the stream of events ended when they were chosen: what was told before is no outcome of theirs."""
    acted: int = 0
    acted_before: int = 0
    """Of these, those that an entry before `intent` counts: it was stopped, and went on."""
    gone: int = 0
    """Letters that were not there any more."""
    unsure: int = 0
    """Letters that were gone when a process took over: redriven just before the one before it ended, or removed."""
    left: int = 0
    """Letters that stay: their bodies are in the object store, and not for long enough."""
    fates: Fates = msgspec.field(default_factory=Fates)
    why: str = ""
    """Why it was stopped."""
    ended: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in {"canary", "running"}

    @property
    def may_go_on(self) -> bool:
        """Whether a person may let it go on: a redrive that was stopped."""
        return self.state == "stopped" and self.kind == "redrive"

    @property
    def rest(self) -> int:
        """How many it has not come to yet."""
        return self.total - self.acted - self.gone - self.unsure - self.left

    @property
    def needed(self) -> int:
        """How many of the canary's jobs have to be done."""
        return fewest(self.share, len(self.canary_jobs))

    def again(self, intent: AuditEntry) -> "Bulk":
        """Return it as it goes on after it was stopped: with a new canary, and an entry of its own in the record."""
        fates = msgspec.structs.replace(self.fates)
        fates.forget_open()
        return msgspec.structs.replace(
            self,
            state="canary",
            why="",
            ended=None,
            canary_jobs=[],
            fates=fates,
            intent=intent,
            acted_before=self.acted,
        )


class Brake:
    """Says when a redrive is to be stopped: too many of the last jobs have failed."""

    def __init__(self, share: float) -> None:
        self._share, self._last = share, list[bool]()

    def note(self, *, good: bool) -> None:
        """Take in how one job ended, or first failed."""
        self._last = [*self._last, good][-LAST:]

    @property
    def reason(self) -> str:
        """Why it is to be stopped; empty while it may go on."""
        bad = self._last.count(False)
        if len(self._last) < _FEWEST or self._last.count(True) >= fewest(self._share, len(self._last)):
            return ""
        return f"{bad} of the last {len(self._last)} jobs failed again: the cause is still there"
