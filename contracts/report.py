"""The message of the report service."""

from typing import Annotated, ClassVar

from nightshift.backoff import Retries
from nightshift.contract.constraints import ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message


class GenerateReport(Message):
    """Generate the report that a row requests: figures, page and table in the object store, and a mail about it.

    Somebody waits for it: one that cannot be made is given up within half an hour, and its row says so.
    """

    SUBJECT: ClassVar[str] = "jobs.report.generate"
    RETRIES: ClassVar[Retries] = Retries(most=12)

    report_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Key of the report's row, which holds its kind, its period, and for whom it is. "
            "The row may be committed after the job is published: the job is retried until the row exists.",
            examples=["report-41", "weekly-20261123T090000Z"],
            min_length=1,
            max_length=200,
        ),
    ]
