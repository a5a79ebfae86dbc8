"""Fixtures: real servers on free loopback ports, each in a temporary folder of its own, gone after the module."""

import asyncio
import gc
import io
import os
import signal
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from nightshift.broker import connect
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.mail_server import MailServer
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.embedded.stack import Stack
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import users
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology
from tests.repository import ROOT
from tests.servers import running

# A shell's background job ignores it, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where compiled code is not kept beside its source, each of the many processes would compile all of it at its start.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "var" / "pycache"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a test that hung where each of its tasks waits: the stack of its thread only shows the event loop."""
    report = yield
    if call.excinfo is not None and "from pytest-timeout" in str(call.excinfo.value):
        report.sections.append(("tasks that were not done", _pending_tasks()))
    return report


def _pending_tasks() -> str:
    text = io.StringIO()
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            task.print_stack(file=text)
    return text.getvalue()


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker with nothing in it: `broker.url`, `await broker.restart()`, `broker.pause()` …."""
    async with running(Broker(tmp_path_factory.mktemp("broker"))) as server:
        yield server


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A provisioned broker with the shipped users; the password of `email` is `email-password`."""
    declared = declared_topology(load_catalogue())
    table = users(declared, load_catalogue())
    config = broker_config(table, {name: f"{name}-password" for name in table})
    async with running(Broker(tmp_path_factory.mktemp("guarded"), extra=config)) as server:
        settings = ProcessSettings(nats_url=server.url, nats_user="operator", nats_password=Secret("operator-password"))
        operator = await connect(settings, name="provision")
        await provision_broker(operator, declared)
        await operator.close()
        yield server


@pytest.fixture(scope="module")
async def objects_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ObjectServer]:
    """An object store without buckets: `.endpoint`, `.access_key`, `.secret_key`."""
    async with running(ObjectServer(tmp_path_factory.mktemp("objects"))) as server:
        yield server


@pytest.fixture(scope="module")
async def mail_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MailServer]:
    """An SMTP catcher: `.host`, `.port`, `.messages()`; its `--help` lists the scripted refusals."""
    async with running(MailServer(tmp_path_factory.mktemp("mail"))) as server:
        yield server


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Address of an SQLite file that does not exist yet; no table is in it."""
    return f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}"


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Broker, objects and mail together, without services: `stack.environment()` is what a service needs."""
    async with running(Stack(tmp_path_factory.mktemp("stack"))) as server:
        yield server
