"""The broker's users of services of one's own: made of what their module declares, and enough for their work."""

import asyncio
import os
import secrets
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from collections.abc import AsyncIterator

import pytest

from contracts.email import SendEmail
from contracts.report import GenerateReport
from nightshift.broker import connect
from nightshift.broker.errors import NotPermittedError
from nightshift.config.project import Project
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import users
from nightshift.topology.topology import declared_topology
from tests.harness import eventually, stored
from tests.repository import ROOT
from tests.servers import running, serving

MODULES = "contracts,examples.shop.jobs"
CATALOGUE = load_catalogue(MODULES)
USERS = users(declared_topology(CATALOGUE), CATALOGUE)
PASSWORDS = {name: secrets.token_urlsafe(12) for name in USERS}


def login(user: str) -> dict[str, str]:
    """The settings with which a process is this user."""
    return {"NATS_USER": user, "NATS_PASSWORD": PASSWORDS[user]}


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The shipped contracts and the shop's module on one broker, provisioned by the operator."""
    project = Project(ROOT, contracts=MODULES, declared=("billing",), schema="examples.shop")
    folder = tmp_path_factory.mktemp("stack")
    async with running(Stack(folder, project=project, broker_config=broker_config(USERS, PASSWORDS))) as made:
        assert "billing" in USERS
        code, output = await typed(made, "provision", MODULES)
        assert code == 0, output
        yield made


async def typed(stack: Stack, *command: str) -> tuple[int | None, str]:
    """Run a command as the operator."""
    environ = os.environ | stack.environment() | login("operator")
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "nightshift.cli", *command), cwd=ROOT, env=environ, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(100):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_a_worker_does_its_work_as_its_own_user(stack: Stack) -> None:
    """It hears of its schedule, and what it publishes to another service is there."""
    settings = {"PROVIDER_URL": "http://127.0.0.1:9", **login("billing")}
    operator = await connect(
        ProcessSettings(nats_url=stack.broker.url, nats_user="operator", nats_password=Secret(PASSWORDS["operator"])),
        name="operator",
    )
    try:
        async with serving(Service(stack, "billing", extra=settings)):
            code, output = await typed(stack, "cron", "run", "billing.dunning")
            assert code == 0, output

            async def mailed() -> bool:
                return any(b"Open invoices of" in one.body for one in await stored(operator, "EMAIL"))

            await eventually(mailed, what="the mail is enqueued")
    finally:
        await operator.close()


async def test_the_broker_lets_it_publish_what_it_declares_and_nothing_else(stack: Stack) -> None:
    """`publishes=[SendEmail]`, and no report."""
    user = ProcessSettings(nats_url=stack.broker.url, nats_user="billing", nats_password=Secret(PASSWORDS["billing"]))
    connection = await connect(user, name="billing")
    try:
        publisher = Publisher(connection)
        await publisher.publish(SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>"))
        with pytest.raises(NotPermittedError):
            await publisher.publish(GenerateReport(report_id="1"))
    finally:
        await connection.close()
