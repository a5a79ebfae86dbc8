"""The gateway and all that is behind it are killed again and again: its answers stay true."""

import asyncio
import sys
from pathlib import Path

import pytest

from nightshift.embedded.stack import Stack
from tests.chaos.gateway_ledger import breaches
from tests.chaos.gateway_world import PARTS, GatewayWorld, gateway_world
from tests.harness import eventually
from tests.postgres_server import postgres_server

SEED = "1"
CALLERS = 6
KILLS, JOBS, FILES = 3, 50, 20
"""So often each part is killed, and so much is answered for, at least."""
FAULT_SECONDS, STUCK_SECONDS = 90, 60

pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")]


def is_enough(world: GatewayWorld) -> bool:
    """Whether enough was killed, and enough answered meanwhile."""
    jobs, files = world.callers.ledger.answered
    return min(world.killed[part] for part in PARTS) >= KILLS and jobs >= JOBS and files >= FILES


async def test_what_was_answered_with_2xx_is_there_once_whatever_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gateways, broker, object store and database: nothing is lost, nothing twice, no object without a row."""
    async with postgres_server() as postgres, gateway_world(Stack(tmp_path), postgres, SEED) as world:
        enough, callers = asyncio.Event(), world.callers
        calling = [asyncio.create_task(callers.call(number, enough)) for number in range(CALLERS)]
        striking = asyncio.create_task(world.strike(SEED, enough))
        await eventually(lambda: is_enough(world), what="enough is killed", timeout_seconds=FAULT_SECONDS)
        enough.set()
        await striking
        _, unanswered = await asyncio.wait(calling, timeout=STUCK_SECONDS)
        assert not unanswered, f"not answered: {callers.refusals}, logs in {tmp_path / 'logs'}"
        await asyncio.gather(*calling)
        left = await world.quiet(stuck_seconds=STUCK_SECONDS)
        await world.clean()
        facts = await world.facts()
        facts.left |= left
        with capsys.disabled():
            jobs, files = callers.ledger.answered
            print(  # noqa: T201
                f"\n  killed                  {', '.join(f'{name} {count}' for name, count in world.killed.items())}"
                f"\n  answered for            {jobs} jobs, {files} files; answers lost: {callers.ledger.lost_answers}"
            )
        told = breaches(callers.ledger, facts)
        assert not told, "\n".join([*told, f"seed {SEED}, logs in {tmp_path / 'logs'}"])
