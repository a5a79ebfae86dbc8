"""What may be asked of the maintenance service: one job for each kind of thing that is cleaned up."""

from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.contract.constraints import CONTROL, END, pattern
from nightshift.contract.message import Message

LONGEST_DAYS = 3650
INBOX_LEAST_DAYS = 45
"""Dead letters are kept for 30 days, and one that is redriven on the last of them still goes through its retries."""


class CleanSessions(Message, omit_defaults=True):
    """Delete sessions that have expired."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.sessions"

    older_than_days: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None,
        Meta(description="Days since they expired; the service's setting when absent, and at least.", examples=[7]),
    ] = None


class CleanActivity(Message, omit_defaults=True):
    """Delete old entries of the activity log."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.activity"

    older_than_days: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_DAYS)] | None,
        Meta(description="Age in days; the service's setting when absent, and at least.", examples=[30]),
    ] = None


class CleanFiles(Message, omit_defaults=True):
    """Delete orphaned files: the owner no longer exists, the upload never completed, or an object has no row.

    Never a file that somebody owns, however old it is.
    """

    SUBJECT: ClassVar[str] = "jobs.maintenance.files"

    older_than_days: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_DAYS)] | None,
        Meta(
            description="Age in days from which an upload that is not complete, or an object without a row, is taken "
            "for abandoned; the service's setting when absent, and at least.",
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
            description="Key of the object behind which the walk through the objects goes on, as the service sets it "
            "in the job that continues one whose time was up; from the beginning when absent.",
            examples=["uploads/user-17/2f7c1a"],
        ),
    ] = None


class CleanClaims(Message, omit_defaults=True):
    """Delete the bodies of jobs that went by claim check, when nobody can ask for them any more."""

    SUBJECT: ClassVar[str] = "jobs.maintenance.claims"

    older_than_days: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None,
        Meta(
            description="Days since the date in their key has passed; the service's setting when absent, and at least. "
            "Before that date nothing is deleted.",
            examples=[1],
        ),
    ] = None


class CleanInbox(Message, omit_defaults=True):
    """Delete the notes of jobs that were done long ago, and the records of cleanups as old.

    Without its note, a job that comes again is done again.
    """

    SUBJECT: ClassVar[str] = "jobs.maintenance.inbox"

    older_than_days: Annotated[
        Annotated[int, Meta(le=LONGEST_DAYS, extra_json_schema={"minimum": INBOX_LEAST_DAYS})] | None,
        Meta(description="Age in days; the service's setting when absent, and at least.", examples=[60]),
    ] = None

    def __post_init__(self) -> None:
        """Refuses an age at which dead letters could still be redriven, and says why."""
        if self.older_than_days is not None and self.older_than_days < INBOX_LEAST_DAYS:
            raise ValueError(
                f"olderThanDays is {self.older_than_days}, expected {INBOX_LEAST_DAYS} or more: a dead letter is kept "
                "for 30 days, and its redrive must still find that the job was done - at `$.olderThanDays`"
            )
