"""The settings of a running embedded stack as a file, so that the command line finds it without being told."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_NAME = "environment"


@contextmanager
def written(folder: Path, settings: Mapping[str, str]) -> Iterator[Path]:
    """Keep the file inside the block: lines `NAME=value` that a shell can read, for its owner's eyes only."""
    file = folder / _NAME
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()), encoding="utf-8")
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, str]:
    """Return the settings of the stack that runs in a folder; nothing if none runs there."""
    with contextlib.suppress(OSError, ValueError):
        return parse((folder / _NAME).read_text(encoding="utf-8"))
    return {}


def parse(text: str) -> dict[str, str]:
    """Return the settings of lines `NAME=value`, as a shell reads them.

    Raises:
        ValueError: one is something else.
    """
    pairs = [part.partition("=") for part in shlex.split(text, comments=True)]
    for name, equals, _ in pairs:
        if not (equals and name.isidentifier()):
            raise ValueError(f"{name[:80]!r} is not of the form NAME=value (a value with blanks needs quotes)")
    return {name: value for name, _, value in pairs}
