"""A page of the machine's own Chromium, and what it complains of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Dialog, Page

from tests.integration.services.console.harness import PASSWORD, Console

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@asynccontextmanager
async def page_of(browser: Browser, **options: Any) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and what it complained of: errors, dialogs, refused content; and every address that it asked."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    heard = list[str]()

    async def dismiss(dialog: Dialog) -> None:
        heard.append("a dialog")
        await dialog.dismiss()

    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("dialog", dismiss)
    page.on("request", lambda request: heard.append(f"asked {request.url}"))
    try:
        yield page, heard
    finally:
        await context.close()


async def sign_in_by_keyboard(page: Page, desk: Console) -> None:
    """Sign in with nothing but the keyboard."""
    await page.goto(f"{desk.url}/")
    await page.focus("[name=name]")
    await page.keyboard.type("root")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{desk.url}/")
