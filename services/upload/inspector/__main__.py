"""Inspect one file in a process of its own, so that whatever the file does to its decoder stays there."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import Image

from services.upload.file_type import PDF
from services.upload.inspection import ImageLimits, Request, UnreadableFileError, to_answer
from services.upload.inspector.confinement import confine
from services.upload.inspector.thumbnails import encoded

Look = Callable[[BinaryIO, ImageLimits], tuple[dict[str, Any], Image.Image | None]]


def main(argument: str) -> None:
    """Inspect the file of the request in `argument` and write the answer to standard output."""
    request = Request.from_json(argument)
    look = decoder_of(request.content_type)
    confine(request.limits, request.source)
    with os.fdopen(request.source, "rb") as source, os.fdopen(1, "wb") as output:
        output.write(answer(look, source, request.limits))


def answer(look: Look, source: BinaryIO, limits: ImageLimits) -> bytes:
    """Return the findings and the thumbnail, or the reason why there are none."""
    try:
        metadata, picture = look(source, limits)
        return to_answer({"metadata": metadata}, None if picture is None else encoded(picture))
    except UnreadableFileError as refusal:
        return to_answer({"unreadable": str(refusal)})
    except MemoryError:
        mebibytes = limits.memory_bytes // 2**20
        reason = f"it needs more than {mebibytes} MiB of memory to be read (a decompression bomb?)"
        return to_answer({"unreadable": f"{reason}; a larger INSPECT_MEMORY_BYTES allows it"})


def decoder_of(content_type: str) -> Look:
    """Import the decoder of a type: each costs tens of milliseconds, and none can be imported later."""
    if content_type == PDF:
        look: Look = importlib.import_module("services.upload.inspector.pdf").look_into_pdf
        return look
    images = importlib.import_module("services.upload.inspector.images")
    return lambda source, limits: images.look_into_image(source, content_type, limits)


if __name__ == "__main__":
    main(sys.argv[1])
