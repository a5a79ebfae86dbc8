"""`nightshift doctor` in an application of somebody's own: what it misses, it says how to start."""

import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

from nightshift.config.project import Project
from nightshift.embedded.stack import Stack
from tests.servers import running

MODULE = """from nightshift import Job, Message, Service


class Greet(Message):
    SUBJECT = "jobs.shop.greet"


shop = Service("shop")


@shop.handler
async def greet(message: Greet, job: Job) -> None: ...
"""
SCHEDULE = """

from nightshift import ScheduleFired


@shop.every("shop.daily", "@daily")
async def daily(event: ScheduleFired, job: Job) -> None: ...
"""


async def fixes(stack: Stack) -> dict[str, str]:
    """Return what is found about workers, with what to do."""
    command = [sys.executable, "-P", "-m", "nightshift.cli", "doctor", "--json"]
    process = await create_subprocess_exec(
        *command, cwd=stack.project.folder, env=os.environ | stack.environment(), stdout=PIPE
    )
    said, _ = await process.communicate()
    return {one["found"]: one["fix"] for one in json.loads(said) if one["check"] == "workers"}


async def test_a_scheduler_is_missed_where_there_is_a_schedule(tmp_path: Path) -> None:
    """And a worker always; each is started by its module's name."""
    (tmp_path / "shop").mkdir()
    module = tmp_path / "shop" / "jobs.py"
    module.write_text(MODULE, encoding="utf-8")
    project = Project(tmp_path, contracts="shop.jobs", declared=("shop",))
    async with running(Stack(tmp_path / "var", project=project)) as stack:
        await stack.provision()
        worker = {"no worker of shop answers; 0 jobs of it": "start one: nightshift worker shop.jobs --service shop"}
        assert await fixes(stack) == worker
        module.write_text(MODULE + SCHEDULE, encoding="utf-8")
        await stack.provision()
        scheduler = {"no scheduler answers: no schedule fires": "start one: nightshift scheduler shop.jobs"}
        assert await fixes(stack) == worker | scheduler
