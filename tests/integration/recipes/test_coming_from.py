"""What coming-from.md makes of a Celery task, a function of RQ and a consumer of Cloudflare, on a real stack."""

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from sqlalchemy import select

from nightshift.config.project import Project
from nightshift.database import open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.integration.recipes.guides import files_of, run, write_shop
from tests.servers import running, serving

PAGE = "coming-from.md"
CONTRACTS = "shop.invoices,shop.images,shop.signups"
SERVICES = ("billing", "images", "signups")


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The three modules of the page, their stack and their workers."""
    folder = write_shop(tmp_path_factory.mktemp("shop"), PAGE)
    project = Project(folder, contracts=CONTRACTS, declared=SERVICES)
    async with running(Stack(folder / "stack", project=project)) as stack:
        await nightshift(stack, "provision", CONTRACTS)
        async with serving(*(Service(stack, name) for name in SERVICES)):
            yield stack


async def nightshift(stack: Stack, *command: str) -> str:
    """Type a command in the application's folder; return what it printed."""
    environ = stack.environment()
    return await run(stack.project.folder, sys.executable, "-m", "nightshift.cli", *command, **environ)


async def result(stack: Stack, job_type: str) -> dict[str, Any]:
    """Wait until a job of a type is in the ledger; return its row."""
    query = select(processed_messages).where(processed_messages.c.type == job_type)
    database = open_database(stack.environment()["DATABASE_URL"])

    async def look() -> Any:
        return await database.ask(lambda connection: connection.execute(query).mappings().first())

    try:
        row = await eventually(look)
        return {"id": row["id"], **json.loads(row["result"])}
    finally:
        await database.close()


async def published_by(stack: Stack, program: str) -> None:
    """Run a producer of the page."""
    await run(stack.project.folder, sys.executable, program, **stack.environment())


async def test_a_task_of_celerys_runs(shop: Stack) -> None:
    """With its result."""
    await published_by(shop, "charge.py")
    assert await result(shop, "billing.charge") == {"id": "invoice-17", "charged": "17", "attempt": 1}


async def test_its_schedule_runs_as_beat_would(shop: Stack) -> None:
    """By hand here; the event becomes a job of its own."""
    assert "billing.dunning" in await nightshift(shop, "cron", "run", "billing.dunning")


async def test_a_function_of_rqs_runs(shop: Stack) -> None:
    """After its delay."""
    await published_by(shop, "resize.py")
    assert await result(shop, "images.resize") == {"id": "cat", "thumbnail": "small/cat.jpg"}


async def test_a_consumer_of_cloudflares_runs(shop: Stack) -> None:
    """What is not ready waits for a minute, and costs no attempt."""
    await published_by(shop, "welcome.py")
    assert (await result(shop, "signups.welcome"))["welcomed"] == "ada"
    client = await nats.connect(shop.environment()["NATS_URL"])
    try:
        jobs = client.jetstream()

        async def waits() -> bool:
            return (await jobs.stream_info("SIGNUPS_LATER")).state.messages == 1

        await eventually(waits)
        (waiting,) = [await jobs.get_msg("SIGNUPS_LATER", (await jobs.stream_info("SIGNUPS_LATER")).state.last_seq)]
    finally:
        await client.close()
    assert (json.loads(waiting.data or b"")["userId"], (waiting.headers or {})["Job-Attempt-Base"]) == ("bob", "0")


def test_every_file_of_the_page_is_run() -> None:
    """Each module by a worker, each producer by hand."""
    assert sorted(files_of(PAGE)) == [
        *("charge.py", "resize.py", "shop/images.py", "shop/invoices.py", "shop/signups.py", "welcome.py")
    ]
