"""The jobs of the service `chaos`, which exists only while its faults are tried out."""

import os
from typing import ClassVar, Literal

from nightshift.contract.message import Message

Kind = Literal[
    "plain",
    "parent",
    "decider",
    "spoiler",
    "broad",
    "flaky",
    "snooze",
    "slow",
    "wide",
    "blocker",
    "hopeless",
    "permanent",
    "hang",
    "killer",
    "skip",
]

EFFECT = frozenset({"plain", "parent", "decider", "spoiler", "broad", "flaky", "snooze", "slow", "wide", "blocker"})
"""Kinds of which every accepted job has its effect in the end."""
DEAD = frozenset({"hopeless", "permanent", "hang", "killer", "broken"})
"""Kinds of which every accepted job ends as a dead letter."""
NOTHING = frozenset({"skip"})
"""Kinds that are done without any effect."""


class RunChaos(Message):
    """A job whose handler does what its kind says."""

    SUBJECT: ClassVar[str] = "jobs.chaos.run"
    kind: Kind
    follow_ups: int = 0
    padding: str = ""
    """Makes a body so long that it goes by claim check."""


class FollowChaos(Message):
    """A follow-up of one."""

    SUBJECT: ClassVar[str] = "jobs.chaos.follow"
    parent: str
    padding: str = ""
    """Makes it so long that it goes by claim check."""


class TickChaos(Message):
    """What an event of a schedule becomes."""

    SUBJECT: ClassVar[str] = "jobs.chaos.tick"
    due: str


MESSAGES: tuple[type[Message], ...] = (RunChaos, FollowChaos, TickChaos)
TYPES = [message.TYPE for message in MESSAGES]
EVENT_CONSUMERS = {"chaos": "chaos"}


def offer() -> None:
    """Make this module the contracts of the process, as a setting does."""
    os.environ["CONTRACTS_PACKAGE"] = __name__
