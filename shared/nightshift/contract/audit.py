"""What people do to queues, jobs and schedules, on `audit.<part>`: told before it is done, and again afterwards."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Part = Literal["cli", "console"]
"""By what somebody acts: its subject, so that the broker lets a part speak for itself only."""
Turn = Literal["intent", "done", "failed", "stopped"]
MAX_TEXT: Final = 1_000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One action of a person, before it (`intent`) or after it; both have the same id."""

    id: Annotated[str, Meta(description="The action's id.", examples=["1935a4f2c11b0e1f2a3b4c5d6e7f809"])]
    turn: Annotated[
        Turn,
        Meta(
            description="`intent`: it is about to be done; `done`; `failed`: with an error, maybe after a part of it; "
            "`stopped`: it was broken off. An intent without an end was not finished, or its end was not recorded."
        ),
    ]
    at: Annotated[datetime, Meta(tz=True, description="When this was so.")]
    part: Annotated[Part, Meta(description="By what: the command line or the console.")]
    who: Annotated[
        str,
        Meta(
            description="Who: user@host at the command line, or who has signed in to the console.",
            examples=["ada@ops-1"],
        ),
    ]
    action: Annotated[str, Meta(description="What kind of action.", examples=["queues.pause"])]
    on: Annotated[str, Meta(description="To what: a queue, a job, a dead letter.", examples=["email"])]
    what: Annotated[str, Meta(description="What it does, in words.", examples=["pause email until it is resumed"])]
    reason: Annotated[str, Meta(description="Why, as the person said.")] = ""
    address: Annotated[str, Meta(description="From which address, where it came over HTTP.")] = ""
    count: Annotated[int, Meta(ge=0, description="How many were affected; of an end.")] | UnsetType = UNSET
    error: Annotated[str, Meta(description="Why it failed.")] = ""
    late: Annotated[bool, Meta(description="Recorded afterwards: it could not be at its time.")] = False

    @property
    def is_end(self) -> bool:
        """Whether it tells how an action ended."""
        return self.turn != "intent"


def read_entry(body: bytes) -> AuditEntry | None:
    """Return the entry in a message; None if it is none."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_decode = msgspec.json.Decoder(AuditEntry).decode
