"""The short form of the fault harness; the long one is `make chaos MINUTES=30`."""

import sys
from pathlib import Path

import pytest

from nightshift.embedded.stack import Stack
from tests.chaos.pace import BRISK
from tests.chaos.run import run
from tests.chaos.world import Scale

SEED = "1"
FAULT_SECONDS = 36

pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform == "win32", reason="nothing can be frozen there")]


async def test_nothing_is_lost_and_nothing_done_twice_whatever_is_struck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every kind of fault once or more, in a fixed order of times: all promises hold when all is quiet again."""
    said: list[str] = []
    report = await run(Stack(tmp_path), Scale(BRISK), seed=SEED, fault_seconds=FAULT_SECONDS, say=said.append)
    with capsys.disabled():
        print("\n" + "\n".join(f"  {name:<24}{value}" for name, value in report.figures.items()))  # noqa: T201
    assert not report.breaches, "\n".join([*report.breaches, *said, f"seed {SEED}, logs in {tmp_path / 'logs'}"])
