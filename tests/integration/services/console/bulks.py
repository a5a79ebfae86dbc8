"""Beginning a redrive as a person does: by the form of its plan."""

import html
import re

from tests.harness import eventually
from tests.integration.services.console.harness import Browser

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


async def plan(browser: Browser, query: str, kind: str = "redrive", *, letters: int) -> str:
    """Return the page of a plan, once so many letters are known."""
    path, text = f"/dead/{kind}?{query}", ""

    async def is_known() -> bool:
        nonlocal text
        answer = await browser.open(path)
        text = answer.text
        return answer.status_code == 200 and f" {letters:,} dead letter" in text

    await eventually(is_known, what="the letters are known")
    return text


async def begin_redrive(
    browser: Browser, error: str, *, letters: int, canary: int = 2, share: int = 80, rate: float = 1000, name: str = ""
) -> str:
    """Begin a redrive of all whose error has this text, by a name of its own or a given one; return its page's path."""
    page = await plan(browser, f"error={error}", letters=letters)
    numbers = {"canary": str(canary), "share": str(share), "rate": str(rate)}
    form = hidden_in(page) | numbers | ({"once": name} if name else {})
    answer = await browser.send(f"/dead/redrive?error={error}", **form)
    assert answer.status_code == 200, answer.text
    assert answer.url.path.startswith("/bulk/")
    return answer.url.path


def hidden_in(page: str, after: str = 'class="card"') -> dict[str, str]:
    """Return what a page's form carries, which begins with a text."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(page.partition(after)[2])}


async def shows(browser: Browser, path: str, text: str) -> str:
    """Wait until a page shows a text; return the page."""
    seen = ""

    async def is_shown() -> bool:
        nonlocal seen
        seen = (await browser.open(path)).text
        return text in seen

    await eventually(is_shown, what=f"{path} shows {text!r}", timeout_seconds=20)
    return seen
