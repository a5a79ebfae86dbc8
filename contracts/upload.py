"""What may be asked of the upload service."""

from typing import Annotated, ClassVar

from msgspec import Meta

from contracts.message import Message

# Printable ids only: they end up in log lines and header values. The look-ahead stands for `\Z`, which JSON Schema's
# regular expressions do not know; `$` alone lets a trailing line feed pass in Python.
_PRINTABLE = r"^[^\u0000-\u001f\u007f]+(?![\s\S])"


class ProcessUpload(Message):
    """Work off one uploaded file: find its real type, checksum, metadata and thumbnail, and note them on its row."""

    SUBJECT: ClassVar[str] = "jobs.upload.process"

    file_id: Annotated[
        str,
        Meta(
            description="Key of the file's row, which names the object that holds its bytes. "
            "The row may be committed after the job is published: the job is tried again until it is there.",
            examples=["file-2f7c1a"],
            min_length=1,
            max_length=200,
            pattern=_PRINTABLE,
        ),
    ]
    user_id: Annotated[
        str,
        Meta(
            description="Owner of the file. A job that names somebody else than the row does is refused.",
            examples=["user-17"],
            min_length=1,
            max_length=200,
            pattern=_PRINTABLE,
        ),
    ]
