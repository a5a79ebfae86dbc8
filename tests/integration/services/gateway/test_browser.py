"""The example page in a real browser: a photograph goes up, and its thumbnail is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from nightshift.config.settings import load
from nightshift.database import open_database
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.runtime.provision import provision
from nightshift.runtime.provision_settings import ProvisionSettings
from schema.tables import users
from services.gateway.service import serve
from services.gateway.settings import FileGatewaySettings
from tests.browser import browser_page
from tests.integration.gateway.harness import serving_bytes
from tests.integration.services.gateway.files_client import ADA, make_api_key
from tests.repository import ROOT
from tests.servers import serving

PHOTO = ROOT / "demo" / "samples" / "chelsea.jpg"


@asynccontextmanager
async def answering(settings: FileGatewaySettings) -> AsyncIterator[None]:
    """A gateway on this event loop."""
    stop = asyncio.Event()
    running = asyncio.create_task(serve(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def a_users_key(stack: Stack) -> str:
    """Make a user, and a key that is bound to this user."""
    database = open_database(stack.environment()["DATABASE_URL"])
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": ADA, "email": "ada@example.com"})
    key = await make_api_key(database, user=ADA)
    await database.close()
    return key


async def test_a_page_uploads_a_photograph_and_shows_its_thumbnail(stack: Stack, tmp_path: Path) -> None:
    """With a progress bar, from another origin, with nothing but the browser's own means."""
    content = (ROOT / "examples" / "upload.html").read_bytes()
    async with serving_bytes(content, "text/html") as origin:
        origins = {"GATEWAY_CORS_ORIGINS": origin}
        await provision(load(ProvisionSettings, stack.environment() | origins))
        key = await a_users_key(stack)
        (port,) = free_ports(1)
        address = f"http://{LOOPBACK}:{port}"
        settings = load(FileGatewaySettings, stack.environment() | origins | {"GATEWAY_PORT": str(port)})
        async with serving(Service(stack, "upload")), answering(settings), browser_page() as page:
            await page.goto(origin)
            await page.fill("#gateway", address)
            await page.fill("#key", key)
            await page.set_input_files("#file", PHOTO)
            await page.click("button")
            thumbnail = await page.wait_for_selector("#thumbnail", timeout=60_000)
            await page.wait_for_function("document.getElementById('thumbnail').naturalWidth > 0")
            said = await page.inner_text("#said")
            progress = await page.evaluate("document.getElementById('progress').value")
            await page.screenshot(path=tmp_path / "page.png")

    assert thumbnail is not None
    assert "chelsea.jpg: image/jpeg" in said
    assert progress == pytest.approx(1)
