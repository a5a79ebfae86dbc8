"""What the uploader said about a file, beside what its bytes say: the bytes win, and the difference is noted."""

import mimetypes
from typing import Any

from services.upload.file_type import IMAGES, PDF, UNKNOWN
from services.upload.repository import File

_CERTAIN = {*IMAGES, PDF}
"""Types that are told from the bytes beyond doubt; of the others many share one signature (a .docx is a ZIP)."""

# Python's own table: what else this machine's files say must not make a difference.
_NAMES = mimetypes.MimeTypes(filenames=())


def claim_note(file: File, content_type: str) -> dict[str, Any]:
    """Returns `claimedType` where the claim differs from the real type, and `mislabelled` where it is plainly wrong.

    The claim is the type on the row, or the one that its file name's ending stands for.
    """
    claimed = _claimed_type(file)
    if claimed is None or claimed == content_type:
        return {}
    if content_type in _CERTAIN or claimed in _CERTAIN:
        return {"claimedType": claimed, "mislabelled": True}
    return {"claimedType": claimed}


def _claimed_type(file: File) -> str | None:
    by_name, _ = _NAMES.guess_type(file.original_name)
    # A file that was worked off before has its real type on the row, and the first claim beside it.
    earlier = (file.metadata or {}).get("claimedType")
    for claim in (earlier, file.content_type, by_name):
        essence = str(claim or "").partition(";")[0].strip().lower()
        if essence and essence != UNKNOWN:
            return essence
    return None
