"""The exit code of a process, and what its log says about it."""

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from nightshift.config.settings import SettingsError
from nightshift.observability import log
from nightshift.runtime.process import run_until_stopped
from nightshift.worker.router import IncompleteServiceError


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of the test."""
    stream = io.StringIO()
    log.configure("test", "json", stream=stream)
    yield stream
    log.configure("test", "json")


async def end(_: asyncio.Event) -> int:
    """End as asked."""
    return 0


async def lack_a_setting(_: asyncio.Event) -> int:
    """Find a setting wrong after the start."""
    raise SettingsError(["HEALTH_PORT: port 80 is taken"])


async def lack_a_handler(_: asyncio.Event) -> int:
    """Offer less than the contracts ask for."""
    raise IncompleteServiceError("service email: no handler for email.send")


async def break_down(_: asyncio.Event) -> int:
    """Fail, by a defect."""
    raise LookupError("no such row")


@pytest.mark.parametrize(
    ("serve", "code", "event", "message"),
    [
        (end, 0, None, None),
        (lack_a_setting, 2, "wrong_settings", "HEALTH_PORT: port 80 is taken"),
        (lack_a_handler, 1, "incomplete_service", "no handler for email.send"),
        (break_down, 1, "process_failed", "no such row"),
    ],
)
def test_a_process_says_in_its_log_why_it_ends(
    stream: io.StringIO, serve: Any, code: int, event: str | None, message: str | None
) -> None:
    """A traceback, where there is one, is a field of the record and not a text beside the log."""
    assert run_until_stopped(serve) == code
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ([event] if event else [])
    assert all(message in line["message"] for line in lines if message)
    assert all(("traceback" in line) == (event == "process_failed") for line in lines)
