"""Answers: JSON bodies and problems."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from nightshift.gateway.problems import CONTENT_TYPE, Problem

_JSON = "application/json"
EVENT_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of a stream of server-sent events: nobody on the way keeps it back."""
_encode = msgspec.json.Encoder().encode


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value (a `msgspec.Struct`, usually) as JSON."""
    return Response(_encode(value), status, headers, _JSON)


def problem_response(problem: Problem, request_id: str) -> Response:
    """Return a problem as its sender sees it."""
    return Response(problem.body(request_id), problem.status, problem.headers, CONTENT_TYPE)
