"""A file that its owner alone can read, written in one step."""

import os
from pathlib import Path


def write_for_owner(file: Path, content: bytes) -> None:
    """Replace a file, or make it.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as writer:
        writer.write(content)
    part.replace(file)
