"""A file that is generated: written, or held against what would be written."""

import sys
from pathlib import Path


def bring_up_to_date(file: Path, wanted: str, *, check: bool, command: str) -> int:
    """Write a file; with `check` only say which command would, if it is stale, and return exit code 1 then."""
    if not check:
        file.write_text(wanted, encoding="utf-8")
        return 0
    stale = not file.exists() or file.read_text(encoding="utf-8") != wanted
    if stale:
        print(f"{file.name} is stale: run `{command}`, and commit it", file=sys.stderr)
    return int(stale)
