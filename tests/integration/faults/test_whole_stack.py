"""The whole embedded stack without its broker, in short; the long form is `python -m tests.chaos.outage`."""

import sys
from pathlib import Path

import pytest

from nightshift.embedded.stack import Stack
from tests.chaos.outage import outage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send")


async def test_every_service_waits_for_its_broker_says_so_and_goes_on_without_a_restart(tmp_path: Path) -> None:
    """Those that ran and those that are started meanwhile; what was queued, and came due, is done afterwards."""
    said: list[str] = []
    found = await outage(Stack(tmp_path), 8, say=said.append)
    assert not found.wrong, "\n".join([*found.wrong, *said])
