"""Compare the type that the uploader declared with the type of the bytes: the bytes win, a difference is recorded."""

import mimetypes
from typing import Any

from services.upload.file_type import IMAGES, PDF, UNKNOWN
from services.upload.repository import File

_CERTAIN = {*IMAGES, PDF}
"""Types whose signature is unambiguous; many of the others share one (a .docx is a ZIP)."""

# Python's own table, without the machine's: the result must not depend on the machine.
_NAMES = mimetypes.MimeTypes(filenames=())


def compare_types(file: File, content_type: str) -> dict[str, Any]:
    """Return `claimedType` where it differs from the real type, and `mislabelled` where it is certainly wrong.

    The declared type is the one on the row, else the one that the file name's extension stands for.
    """
    declared = _declared_type(file)
    if declared is None or declared == content_type:
        return {}
    if content_type in _CERTAIN or declared in _CERTAIN:
        return {"claimedType": declared, "mislabelled": True}
    return {"claimedType": declared}


def _declared_type(file: File) -> str | None:
    by_name, _ = _NAMES.guess_type(file.original_name)
    # A file that was processed before has its real type on the row, and what was declared first in its metadata.
    earlier = (file.metadata or {}).get("claimedType")
    for declared in (earlier, file.content_type, by_name):
        essence = str(declared or "").partition(";")[0].strip().lower()
        if essence and essence != UNKNOWN:
            return essence
    return None
