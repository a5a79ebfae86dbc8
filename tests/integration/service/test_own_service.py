"""A service in a module of somebody's own, from `provision` to what its jobs leave behind, on a real stack."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.config.project import Project
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.servers import running, serving

MODULE = '''"""Jobs of a shop."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift import Job, Message, Retries, ScheduleFired, Service, Settings
from nightshift.database import Database
from sqlalchemy import text


class ShopSettings(Settings, frozen=True, kw_only=True):
    ledger: Annotated[Path, Meta(description="Where it is written what was charged.")]


class ChargeInvoice(Message):
    SUBJECT = "jobs.billing.charge"
    invoice_id: str


class PrintInvoice(Message):
    SUBJECT = "jobs.billing.print"
    seconds: float = 0.0


class SendEmail(Message):
    SUBJECT = "jobs.email.send"
    to: str


class Ledger:
    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, line: str) -> None:
        with self.file.open("a") as file:
            file.write(line + "\\n")


billing = Service("billing", settings=ShopSettings)


@billing.resource
async def ledger(settings: ShopSettings) -> AsyncIterator[Ledger]:
    book = Ledger(settings.ledger)
    book.add("opened")
    yield book
    book.add("closed")


@billing.around
async def noted(message: Message, job: Job, *, ledger: Ledger) -> AsyncIterator[None]:
    try:
        yield
    except ArithmeticError as error:
        ledger.add(f"{job.type} failed: {error}")
        raise


@billing.handler(retries=Retries(most=1), timeout=60)
async def charge_invoice(message: ChargeInvoice, job: Job, *, database: Database, ledger: Ledger) -> None:
    async with database.read() as connection:
        (one,) = (await connection.execute(text("SELECT 1"))).one()
    if message.invoice_id == "bad":
        raise ArithmeticError("no sum")
    if message.invoice_id == "undeclared":
        job.enqueue(SendEmail(to="ada@example.com"))
    ledger.add(f"charged {message.invoice_id} {one}")
    job.enqueue(PrintInvoice())


@billing.handler(retries=Retries(most=1), timeout=0.5)
def print_invoice(message: PrintInvoice, job: Job, *, ledger: Ledger) -> None:
    time.sleep(message.seconds)
    ledger.add("printed" if job.is_last_attempt else "printed early")


@billing.every("billing.dunning", "0 6 * * *", time_zone="Europe/Berlin")
async def dun(event: ScheduleFired, job: Job) -> None:
    job.enqueue(ChargeInvoice(invoice_id="due"))
'''


async def typed(shop: tuple[Path, Stack], *command: str, **settings: str) -> tuple[int | None, str]:
    """Run a command in the application's folder, against its stack; return its exit code and what it printed."""
    folder, stack = shop
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = await create_subprocess_exec(
        *(sys.executable, "-P", "-m", "nightshift.cli"),
        *command,
        cwd=folder,
        env=environ | stack.environment() | settings,
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Path, Stack]]:
    """A repository with one module, its stack, provisioned by the command; and its worker, stopped at the end."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop").mkdir()
    (folder / "shop" / "jobs.py").write_text(MODULE, encoding="utf-8")
    project = Project(folder, contracts="shop.jobs", declared=("billing",))
    async with running(Stack(folder / "stack", project=project)) as stack:
        code, output = await typed((folder, stack), "provision", "shop.jobs", CONTRACTS_PACKAGE="")
        assert code == 0, output
        assert "EMAIL" not in output
        async with serving(Service(stack, "billing", extra={"LEDGER": str(folder / "ledger")})):
            yield folder, stack
    assert ledger(folder)[-1] == "closed"


def ledger(folder: Path) -> list[str]:
    """What was written into it."""
    return (folder / "ledger").read_text(encoding="utf-8").splitlines()


async def sent(shop: tuple[Path, Stack], job_type: str, **body: object) -> tuple[int | None, str]:
    """Send a job of the module and wait for its end."""
    return await typed(shop, "send", job_type, json.dumps(body), "--wait")


async def test_a_job_is_done_with_what_its_service_provides(shop: tuple[Path, Stack]) -> None:
    """By the library's database and the service's own resource; its follow-up is a plain function, run in a thread."""
    folder, _ = shop
    code, output = await sent(shop, "billing.charge", invoiceId="17")
    assert code == 0, output
    assert ledger(folder)[0] == "opened"
    await eventually(lambda: {"charged 17 1", "printed"} <= set(ledger(folder)))


async def test_its_schedule_can_be_run_by_hand(shop: tuple[Path, Stack]) -> None:
    """The event becomes its job."""
    folder, _ = shop
    code, output = await typed(shop, "cron", "run", "billing.dunning")
    assert code == 0, output
    await eventually(lambda: "charged due 1" in ledger(folder))


async def test_a_hook_around_jobs_sees_what_a_handler_raises(shop: tuple[Path, Stack]) -> None:
    """And the job fails all the same."""
    folder, _ = shop
    code, output = await sent(shop, "billing.charge", invoiceId="bad")
    assert (code, "no sum" in output) == (1, True), output
    assert "billing.charge failed: no sum" in ledger(folder)


async def test_a_plain_function_that_takes_too_long_is_given_up_on(shop: tuple[Path, Stack]) -> None:
    """Its job is dead at its time limit, though its thread goes on; the log says so."""
    _, stack = shop
    code, output = await sent(shop, "billing.print", seconds=1.5)
    assert (code, "took longer than 0.5 s" in output) == (1, True), output
    log = (stack.logs / "billing.log").read_text(encoding="utf-8")
    assert "its handler is a plain function, which nothing can stop" in log


async def test_a_job_for_another_service_has_to_be_declared(shop: tuple[Path, Stack]) -> None:
    """The broker would refuse it once it has permissions: it is refused where there are none, too."""
    code, output = await sent(shop, "billing.charge", invoiceId="undeclared")
    assert (code, "Service('billing', publishes=[...])" in output) == (1, True), output


async def test_help_lists_its_settings(shop: tuple[Path, Stack]) -> None:
    """With what each is for."""
    code, output = await typed(shop, "worker", "shop.jobs", "--help", CONTRACTS_PACKAGE="")
    assert (code, "LEDGER\n    Where it is written what was charged." in output) == (0, True), output


async def test_a_setting_that_is_missing_is_told_at_the_start(shop: tuple[Path, Stack]) -> None:
    """With exit code 2."""
    code, output = await typed(shop, "worker", "shop.jobs", CONTRACTS_PACKAGE="")
    assert (code, "LEDGER is missing, expected a path" in output) == (2, True), output
