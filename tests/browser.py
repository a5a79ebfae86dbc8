"""A real browser: the machine's own Chromium."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright

from tests.servers import absent

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    """A page of the machine's own Chromium."""
    program = shutil.which("chromium")
    if program is None:
        absent("chromium is not on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield await browser.new_page()
        finally:
            await browser.close()
