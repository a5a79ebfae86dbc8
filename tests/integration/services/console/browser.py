"""A page of the machine's own Chromium, and what it complains of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from playwright.async_api import Browser, Dialog, Locator, Page, expect

from tests.integration.services.console.harness import PASSWORD, Console

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

_MOST_TABS = 150


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


async def sign_in_by_keyboard(page: Page, desk: Console, name: str = "root") -> None:
    """Sign in with nothing but the keyboard."""
    await page.goto(f"{desk.url}/")
    await page.focus("[name=name]")
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{desk.url}/")


async def tab_to(page: Page, wanted: Locator) -> None:
    """Go to an element as a person without a mouse does."""
    await expect(wanted).to_have_count(1)
    for _ in range(_MOST_TABS):
        if await wanted.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no number of tabs leads to {wanted}")


async def follow(page: Page, role: Literal["link", "button"], name: str) -> None:
    """Follow a link, or press a button, by keyboard, and wait for the page that it leads to."""
    await tab_to(page, page.get_by_role(role, name=name).first)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def fill_in(page: Page, label: str, text: str) -> None:
    """Write into a field by keyboard, in the place of what is in it."""
    await tab_to(page, page.get_by_label(label))
    await page.keyboard.press("Control+A")
    await page.keyboard.type(text)
