"""The event of a schedule that came due, and its subjects."""

import re
from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.contract.constraints import END, INSTANT, pattern
from nightshift.contract.message import Message
from nightshift.contract.wire import CRON, MANUAL

MAX_NAME_CHARACTERS = 128
_NAME = rf"^(?![a-z0-9.-]*\.manual{END})[a-z0-9-]+(\.[a-z0-9-]+)+{END}"
_NAME_IN_WORDS = (
    "two or more tokens of lower-case letters, digits and hyphens with dots between, not ending in '.manual'"
)

ScheduleName = Annotated[
    str,
    pattern(
        _NAME,
        _NAME_IN_WORDS,
        max_length=MAX_NAME_CHARACTERS,
        description="Name of the schedule; its event is published on `cron.<name>`.",
        examples=["cleanup.daily", "sync.all"],
    ),
]
_DAY = "The day must exist."


class ScheduleFired(Message):
    """A schedule came due. One event per due time, however many schedulers run.

    Its handler enqueues jobs and does no work itself. It goes by `due`, not by the time of arrival: after an outage, an
    event may come late.
    """

    SUBJECT: ClassVar[str] = "cron.>"

    name: ScheduleName
    schedule: Annotated[
        str,
        Meta(
            description="The cron expression that came due: five fields, or six with seconds first.",
            examples=["0 0 * * *"],
            min_length=1,
            max_length=200,
        ),
    ]
    time_zone: Annotated[
        str,
        Meta(
            description="IANA time zone that the expression was evaluated in.",
            examples=["UTC", "Europe/Berlin"],
            min_length=1,
            max_length=64,
        ),
    ]
    due: Annotated[
        datetime,
        INSTANT,
        Meta(description=f"When it was due (RFC 3339, UTC). {_DAY}", examples=["2026-03-29T01:00:00Z"]),
    ]
    announced: Annotated[
        datetime,
        INSTANT,
        Meta(
            description=f"When the scheduler published it (RFC 3339, UTC). {_DAY}",
            examples=["2026-03-29T01:00:00.012345Z"],
        ),
    ]


def event_subject(name: str) -> str:
    """Return the subject of this schedule's events.

    Raises:
        ValueError: `name` cannot be a schedule's name; the text says what is expected.
    """
    if len(name) > MAX_NAME_CHARACTERS or not re.search(_NAME, name):
        raise ValueError(
            f"{name!r} cannot be the name of a schedule, expected {_NAME_IN_WORDS}, "
            f"at most {MAX_NAME_CHARACTERS} characters"
        )
    return CRON + name


def manual_subject(name: str) -> str:
    """Return the subject on which an event of this schedule is published by hand, which the scheduler does not read.

    Raises:
        ValueError: as `event_subject` does.
    """
    return event_subject(name) + MANUAL
