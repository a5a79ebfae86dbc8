"""The messages of the maintenance service: one for each kind of thing that is cleaned up."""

from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.backoff import Retries
from nightshift.contract.constraints import CONTROL, END, pattern
from nightshift.contract.message import Message

LONGEST_DAYS = 3650
TOMORROW_AGAIN = Retries(most=4)
"""A cleanup that fails is better given up soon: the next day has its own, and the dead letter says what is wrong."""
INBOX_LEAST_DAYS = 45
"""Dead letters are kept for 30 days, and one that is redriven on the last day still has its retries."""


class CleanSessions(Message, omit_defaults=True):
    """Delete sessions that have expired."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.sessions"
    RETRIES: ClassVar[Retries] = TOMORROW_AGAIN

    older_than_days: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None,
        Meta(description="Days since they expired; at least, and by default, the service's setting.", examples=[7]),
    ] = None


class CleanActivity(Message, omit_defaults=True):
    """Delete old entries of the activity log."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.activity"
    RETRIES: ClassVar[Retries] = TOMORROW_AGAIN

    older_than_days: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_DAYS)] | None,
        Meta(description="Age in days; at least, and by default, the service's setting.", examples=[30]),
    ] = None


class CleanFiles(Message, omit_defaults=True):
    """Delete orphaned files: the owner no longer exists, the upload never completed, or an object has no row.

    Never a file that somebody owns, however old it is.
    """

    SUBJECT: ClassVar[str] = "jobs.maintenance.files"
    RETRIES: ClassVar[Retries] = TOMORROW_AGAIN

    older_than_days: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_DAYS)] | None,
        Meta(
            description="Age in days from which an incomplete upload, or an object without a row, counts as abandoned; "
            "at least, and by default, the service's setting.",
            examples=[7],
        ),
    ] = None
    after: Annotated[
        Annotated[
            str,
            pattern(
                rf"^(?:uploads|thumbnails)/[^{CONTROL}]+{END}",
                "the key of an object under 'uploads/' or 'thumbnails/'",
                max_length=1024,
            ),
        ]
        | None,
        Meta(
            description="Key of the object after which to continue, set by the service in the job that continues one "
            "whose time was up; the beginning when absent.",
            examples=["uploads/user-17/2f7c1a"],
        ),
    ] = None


class CleanClaims(Message, omit_defaults=True):
    """Delete the bodies of jobs that travelled by claim check, when nobody can need them any more."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.claims"
    RETRIES: ClassVar[Retries] = TOMORROW_AGAIN

    older_than_days: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None,
        Meta(
            description="Days since the date in their key; at least, and by default, the service's setting. "
            "Before that date nothing is deleted.",
            examples=[1],
        ),
    ] = None


class CleanInbox(Message, omit_defaults=True):
    """Delete the inbox rows of jobs that were done long ago, and records of events and of cleanups of that age.

    Without its inbox row, a job that is delivered again is done again.
    """

    SUBJECT: ClassVar[str] = "jobs.maintenance.inbox"
    RETRIES: ClassVar[Retries] = TOMORROW_AGAIN

    older_than_days: Annotated[
        Annotated[int, Meta(le=LONGEST_DAYS, extra_json_schema={"minimum": INBOX_LEAST_DAYS})] | None,
        Meta(description="Age in days; at least, and by default, the service's setting.", examples=[60]),
    ] = None

    def __post_init__(self) -> None:
        """Refuse an age at which dead letters could still be redriven."""
        if self.older_than_days is not None and self.older_than_days < INBOX_LEAST_DAYS:
            raise ValueError(
                f"olderThanDays is {self.older_than_days}, expected {INBOX_LEAST_DAYS} or more: a dead letter is kept "
                "for 30 days, and its redrive must still find that the job was done - at `$.olderThanDays`"
            )
