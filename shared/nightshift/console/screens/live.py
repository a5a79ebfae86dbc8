"""The stream of changes, one for a browser and all its tabs: it says what has changed, and each page asks for it."""

import time
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from nightshift.console.rights import Right
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit

FIRST_BEAT_SECONDS, BEAT_SECONDS = 1.0, 5.0
"""A stream that is silent for longer is held back by somebody on the way, and its tabs ask by themselves."""
MOST_STREAMS = 400
_LONGEST_SECONDS = 3600.0
"""Then it is asked for anew, and whoever stands before the console is asked who it is."""
_DIGITS = 16
_AGAIN_MILLISECONDS = 2000
_HEADERS = {"X-Accel-Buffering": "no"}
"""Nobody on the way keeps it back."""


async def follow(visit: Visit) -> Response:
    """Answer with server-sent events: the topics that have changed `since` a version, and from now on."""
    changes = visit.console.changes
    if changes.are_over or changes.followers >= MOST_STREAMS:
        raise Refused(503, "No more browsers can follow at the moment; pages ask by themselves.")
    given = visit.request.headers.get("last-event-id") or visit.query.get("since", "")
    version = int(given) if given.isascii() and given.isdecimal() and len(given) < _DIGITS else 0
    if visit.request.method == "HEAD":
        return Response(headers=_HEADERS, media_type="text/event-stream")
    return StreamingResponse(_events(visit, version), headers=_HEADERS, media_type="text/event-stream")


async def _events(visit: Visit, version: int) -> AsyncIterator[bytes]:
    """Yield what has changed, or a beat; the stream ends with the session, and with the console."""
    console, until = visit.console, time.monotonic() + _LONGEST_SECONDS
    with console.changes.following(version) as follower:
        yield b"retry: %d\n\n" % _AGAIN_MILLISECONDS
        topics, seconds = await follower.next(0), FIRST_BEAT_SECONDS
        while _goes_on(visit) and time.monotonic() < until:
            yield b"id: %d\ndata: %b\n\n" % (console.changes.version, " ".join(topics).encode())
            topics, seconds = await follower.next(seconds), BEAT_SECONDS


def _goes_on(visit: Visit) -> bool:
    return not visit.console.changes.are_over and visit.console.person_of(visit.request) is not None


ROUTES = (Route("GET", "/live", follow, Right.LOOK),)
