"""The one log line per HTTP request: nothing that a client typed is in it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from nightshift.observability.line_batch import LineBatch

_FIRST_FAULT = 500
_METHODS, _OTHER = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}), "OTHER"
"""What a client has typed as its method is shown only if it is one."""


class RequestLine(msgspec.Struct, omit_defaults=True):
    """One request's line, in the order of its fields."""

    timestamp: str
    level: str
    service: str
    event: str
    method: str
    route: str
    """The template of the path; empty for an address that there is not."""
    status: int
    bytes_in: int
    bytes_out: int
    duration_ms: float
    key: str
    """The id of the key or token that it came with; empty without one."""
    request_id: str


class RequestLines(LineBatch[RequestLine]):
    """Collects request lines and writes them together."""

    def add(
        self,
        *,
        method: str,
        route: str,
        status: int,
        bytes_in: int,
        bytes_out: int,
        duration_ms: float,
        key: str,
        request_id: str,
    ) -> None:
        """Add a line, to be written at the end of the loop's iteration; a warning, if the answer is a fault of ours."""
        self.write_soon(
            [
                RequestLine(
                    self._now(),
                    "warning" if status >= _FIRST_FAULT else "info",
                    self._service,
                    "request",
                    method if method in _METHODS else _OTHER,
                    route,
                    status,
                    bytes_in,
                    bytes_out,
                    round(duration_ms, 3),
                    key,
                    request_id,
                )
            ]
        )

    def _typed_by_others(self, lines: Sequence[RequestLine]) -> str:
        del lines
        return ""

    def _sentence(self, values: dict[str, Any]) -> dict[str, Any]:
        route = values["route"] or "(no route)"
        values["message"] = f"{values['method']} {route} {values['status']} in {values['duration_ms']:.1f} ms"
        return {
            name: value for name, value in values.items() if name not in {"method", "route", "status", "duration_ms"}
        }
