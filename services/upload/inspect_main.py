"""Inspect one file in a process of its own, so that whatever the file does to its decoder stays there."""

import json
import sys
from typing import Any

from services.upload.file_type import PDF
from services.upload.inspection import Request, UnreadableFileError
from services.upload.rlimits import confine, die_with_parent


def main(argument: str) -> None:
    """Inspect the file of the request in `argument` and write the answer beside it."""
    request = Request.from_json(argument)
    die_with_parent()
    confine(request.limits)
    request.report.write_text(json.dumps(answer(request)))


def answer(request: Request) -> dict[str, Any]:
    """Return `{"metadata": …}`, or `{"unreadable": reason}`; the thumbnail is written where the request says."""
    try:
        return {"metadata": _look(request)}
    except UnreadableFileError as refusal:
        return {"unreadable": str(refusal)}
    except MemoryError:
        mebibytes = request.limits.memory_bytes // 2**20
        reason = f"it needs more than {mebibytes} MiB of memory to be read (a decompression bomb?)"
        return {"unreadable": f"{reason}; a larger INSPECT_MEMORY_BYTES allows it"}


def _look(request: Request) -> dict[str, Any]:
    # Imported late: each decoder costs tens of milliseconds, and a process needs one of them.
    from services.upload import thumbnails  # noqa: PLC0415 - see above

    if request.content_type == PDF:
        from services.upload.pdf import look_into_pdf  # noqa: PLC0415 - see above

        metadata, picture = look_into_pdf(request.source, request.limits)
    else:
        from services.upload.images import look_into_image  # noqa: PLC0415 - see above

        metadata, picture = look_into_image(request.source, request.content_type, request.limits)
    if picture is not None:
        thumbnails.save(picture, request.thumbnail)
    return metadata


if __name__ == "__main__":
    main(sys.argv[1])
