"""What a client would like (`Prefer`, RFC 7240): here, to wait for the end of something."""

import re

from starlette.requests import Request

LONGEST_WAIT_SECONDS = 60
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.ASCII)


def wait_seconds(request: Request) -> int:
    """Return how long the answer may wait: what `Prefer: wait=30` asks for, at most the longest; 0 without it."""
    preferences = request.headers.get("prefer")
    asked = _WAIT.search(preferences) if preferences else None
    return min(int(asked[1]), LONGEST_WAIT_SECONDS) if asked else 0


def applied(seconds: int) -> dict[str, str]:
    """Return the header that says what was done about it."""
    return {"Preference-Applied": f"wait={seconds}"}
