"""The line per request: the agreed fields, and none of what its client has typed."""

import json
from typing import Any

import pytest

from nightshift.observability.request_log import RequestLines

FIELDS: dict[str, Any] = {
    "method": "POST",
    "route": "/v1/jobs/{type}",
    "status": 202,
    "bytes_in": 200,
    "bytes_out": 120,
    "duration_ms": 1.23456,
    "key": "7Hc2kQ9a",
    "request_id": "0011223344556677",
}


def line_of(**changes: Any) -> dict[str, Any]:
    """What is written about a request."""
    written: list[bytes] = []
    RequestLines("gateway", written.append, coloured=None).add(**{**FIELDS, **changes})
    line: dict[str, Any] = json.loads(b"".join(written))
    return line


def test_a_line_has_the_agreed_fields() -> None:
    """Dashboards and searches are built on these names."""
    line = line_of()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "info", "service": "gateway", "event": "request", **FIELDS, "duration_ms": 1.235}


@pytest.mark.parametrize(("status", "level"), [(202, "info"), (422, "info"), (500, "warning"), (503, "warning")])
def test_what_went_wrong_here_is_a_warning(status: int, level: str) -> None:
    """What the client did wrong is its own business."""
    assert line_of(status=status)["level"] == level


@pytest.mark.parametrize("method", ["s3cret", "POST\n{", "X" * 10_000])
def test_a_method_that_is_none_is_not_shown(method: str) -> None:
    """It is typed by the client, as everything else."""
    assert line_of(method=method)["method"] == "OTHER"


def test_people_read_a_sentence() -> None:
    """Method, route, status and time; then the rest."""
    written: list[bytes] = []
    RequestLines("gateway", written.append, coloured=False).add(**FIELDS)
    text = written[0].decode()
    assert "gateway: POST /v1/jobs/{type} 202 in 1.2 ms" in text
    assert "key=7Hc2kQ9a" in text
