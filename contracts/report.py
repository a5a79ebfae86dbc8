"""What may be asked of the report service."""

from typing import Annotated, ClassVar

from nightshift.contract.constraints import ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message


class GenerateReport(Message):
    """Make the report that a row asks for: figures, page and table in the object store, and a mail to who asked."""

    SUBJECT: ClassVar[str] = "jobs.report.generate"

    report_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Key of the report's row, which says of which kind it is, about which time, and for whom. "
            "The row may be committed after the job is published: the job is tried again until it is there.",
            examples=["report-41", "weekly-20261123T090000Z"],
            min_length=1,
            max_length=200,
        ),
    ]
