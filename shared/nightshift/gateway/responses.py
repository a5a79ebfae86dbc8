"""Answers: JSON bodies and problems."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from nightshift.gateway.problems import CONTENT_TYPE, Problem

_JSON = "application/json"
_NO_HEADERS: Mapping[str, str] = {}
EVENT_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of a stream of server-sent events: nobody on the way keeps it back."""
_encode = msgspec.json.Encoder().encode


class _Whole(Response):
    """An answer with a body of bytes, whose header fields are made in one go: nearly every answer is one."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], media_type: str) -> None:
        self.body, self.status_code, self.media_type, self.background = body, status, media_type, None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()),
        ]


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """Return a value (a `msgspec.Struct`, usually) as JSON."""
    return _Whole(_encode(value), status, headers, _JSON)


def problem_response(problem: Problem, request_id: str) -> Response:
    """Return a problem as its sender sees it."""
    return _Whole(problem.body(request_id), problem.status, problem.headers, CONTENT_TYPE)
