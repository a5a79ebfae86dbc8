"""A console on a real broker with something to see, for all tests of a module."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import async_playwright

from nightshift.broker import Connection
from nightshift.embedded.servers.broker import Broker
from tests.integration.services.console import seed
from tests.integration.services.console.browser import ARGUMENTS
from tests.integration.services.console.harness import Browser, Console, console, people
from tests.servers import absent


@pytest.fixture(scope="module")
async def desk(
    broker: Broker, operator: Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Console]:
    """A console that knows Vic, a viewer, Ada, an operator, and Root, an admin."""
    del operator
    folder = tmp_path_factory.mktemp("console")
    file = folder / "people.toml"
    file.write_text(people(vic="viewer", ada="operator", root="admin"), encoding="utf-8")
    settings = {"console_users_file": str(file), "console_mail_folder": str(folder / "mail")}
    seed.mail(folder / "mail")
    async with console(folder, broker, console_name="staging", **settings) as running:
        yield running


@pytest.fixture
async def root(desk: Console) -> AsyncIterator[Browser]:
    """The browser of an admin."""
    async with desk.person("root") as browser:
        yield browser


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    """The machine's own Chromium."""
    program = shutil.which("chromium")
    if program is None:
        absent("chromium is not on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        await browser.close()
