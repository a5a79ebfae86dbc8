"""The settings of the maintenance service."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from contracts.maintenance import INBOX_LEAST_DAYS, LONGEST_DAYS
from nightshift import Settings
from nightshift.config.settings import OBJECTS


class MaintenanceSettings(Settings, frozen=True, kw_only=True):
    """How old things are when they are deleted, and how much one job does at a time."""

    REQUIRES = OBJECTS

    slots: Annotated[int, Meta(ge=1, description="Cleanups that a worker runs at the same time.")] = 5
    cleanup_seconds: Annotated[
        float, Meta(gt=0, description="A cleanup that has more to do after this time goes on in a successor.")
    ] = 300
    cleanup_page_rows: Annotated[
        int, Meta(ge=1, le=5000, description="Rows, or objects, that one transaction of a cleanup is about.")
    ] = 500
    cleanup_sessions_days: Annotated[
        int, Meta(ge=0, le=LONGEST_DAYS, description="Sessions are deleted so many days after they expired.")
    ] = 0
    cleanup_activity_days: Annotated[
        int, Meta(ge=1, le=LONGEST_DAYS, description="Entries of the activity log are deleted at this age.")
    ] = 30
    # The address of an upload that a browser is given directly lives for 7 days at most (S3's presigned URLs).
    cleanup_files_days: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_DAYS,
            description="An upload that is not complete, or an object without a row, is taken for abandoned at this "
            "age: longer than any upload may take.",
        ),
    ] = 7
    cleanup_claims_days: Annotated[
        int, Meta(ge=0, le=LONGEST_DAYS, description="Claim checks are deleted so many days after their date passed.")
    ] = 0
    cleanup_inbox_days: Annotated[
        int,
        Meta(
            le=LONGEST_DAYS,
            description="Inbox rows of jobs that are done are deleted at this age, 45 at least: longer than any dead "
            "letter is kept and may still be redriven.",
        ),
    ] = 60
    result_days: Annotated[
        int,
        Meta(ge=0, le=LONGEST_DAYS, description="What jobs returned (`job.result`) is forgotten at this age."),
    ] = 7

    def check(self) -> Iterable[str]:
        """Yield what would lose a guarantee, or let every cleanup be cancelled."""
        yield from super().check()
        if self.cleanup_inbox_days < INBOX_LEAST_DAYS:
            yield (
                f"CLEANUP_INBOX_DAYS is {self.cleanup_inbox_days}, expected {INBOX_LEAST_DAYS} or more: a dead letter "
                "is kept for 30 days, and its redrive must still find that the job was done"
            )
        if self.cleanup_seconds >= self.job_timeout_seconds:
            yield "CLEANUP_SECONDS must be less than JOB_TIMEOUT_SECONDS: the job would be cancelled first"
