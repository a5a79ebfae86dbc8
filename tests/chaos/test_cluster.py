"""Three brokers under faults, in short; the long form is `python -m tests.chaos --cluster --minutes 30`."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

from nightshift.config.project import Project
from tests.chaos.cluster import NODES, ClusterStack
from tests.chaos.pace import BRISK
from tests.chaos.plan import CLUSTER_FAULTS
from tests.chaos.run import run
from tests.chaos.world import Scale

SEED = "2"

pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform == "win32", reason="nothing can be frozen there")]


async def test_a_cluster_loses_and_doubles_nothing_while_its_leaders_die(tmp_path: Path) -> None:
    """Streams on three brokers, one of which is killed, frozen or restarted at a time, with work going on."""
    said: list[str] = []
    scale = Scale(BRISK, workers=2, mailers=1, per_second=6, replicas=NODES)
    stack = ClusterStack(tmp_path)
    report = await run(stack, scale, seed=SEED, fault_seconds=22, say=said.append, faults=CLUSTER_FAULTS)
    assert not report.breaches, "\n".join([*report.breaches, *said, f"seed {SEED}, logs in {tmp_path / 'logs'}"])


def test_the_command_line_can_make_the_stack_of_three_brokers(tmp_path: Path) -> None:
    """In a new folder, as it makes the usual one."""
    assert ClusterStack.fresh("chaos", datetime.now().astimezone(), Project(tmp_path)).folder.is_dir()
