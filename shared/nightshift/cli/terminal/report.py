"""Tell what a command has done that needs neither broker nor terminal."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from nightshift.config.program_parser import ProgramParser


def report(result: Mapping[str, Any], *lines: str) -> None:
    """Print lines for people, or with `--json` the result as one JSON value."""
    told = (json.dumps(result, ensure_ascii=False, indent=2),) if ProgramParser.as_json else lines
    sys.stdout.write("".join(f"{line}\n" for line in told))
