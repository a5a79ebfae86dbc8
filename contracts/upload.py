"""The message of the upload service."""

from typing import Annotated, ClassVar

from nightshift.backoff import Retries
from nightshift.contract.constraints import ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message


class ProcessUpload(Message):
    """Process one uploaded file: find its real type, checksum, metadata and thumbnail, and record them in its row.

    Its owner waits for it: a file that cannot be processed is given up within half an hour, and its row says so.
    """

    SUBJECT: ClassVar[str] = "jobs.upload.process"
    RETRIES: ClassVar[Retries] = Retries(most=12)

    file_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Key of the file's row, which names the object that holds its bytes. "
            "The row may be committed after the job is published: the job is retried until the row exists.",
            examples=["file-2f7c1a"],
            min_length=1,
            max_length=200,
        ),
    ]
    user_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Owner of the file. A job that names another owner than the row is refused.",
            examples=["user-17"],
            min_length=1,
            max_length=200,
        ),
    ]
