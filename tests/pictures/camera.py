"""A browser that takes pictures: small PNGs of a whole page."""

import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.integration.services.console.browser import ARGUMENTS, sign_in_by_keyboard
from tests.integration.services.console.harness import Console
from tests.servers import absent

COLOURS = 64
_TALLEST = 1400


@dataclass
class Camera:
    """A page in which somebody has signed in."""

    page: Page
    url: str

    async def open(self, path: str) -> None:
        """Open an address, and wait for all of it."""
        answer = await self.page.goto(self.url + path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path

    async def picture(self) -> bytes:
        """Return a picture of the page, from its top."""
        size = self.page.viewport_size or {"width": 1280}
        height = min(await self.page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
        clip: Any = {"x": 0, "y": 0, "width": size["width"], "height": height}
        shot = await self.page.screenshot(full_page=True, clip=clip)
        out = io.BytesIO()
        Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
        return out.getvalue()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's own Chromium."""
    program = shutil.which("chromium")
    if program is None:
        absent("chromium is not on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@asynccontextmanager
async def signed_in(browser: Browser, desk: Console, *, width: int, scheme: str) -> AsyncIterator[Camera]:
    """A page of a window of this width, light or dark, in which an admin has signed in."""
    look: Any = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    context = await browser.new_context(**look)
    page = await context.new_page()
    await sign_in_by_keyboard(page, desk)
    try:
        yield Camera(page, desk.url)
    finally:
        await context.close()
