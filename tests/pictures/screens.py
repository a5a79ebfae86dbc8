"""The screens that are pictured, and what a picture was made of: the text of a page that does not change by itself."""

import re

from playwright.async_api import Page

from tests.repository import ROOT

FOLDER = ROOT / "docs" / "pictures" / "console"
JOB = "weekly-2026-48"
REDRIVE = "0" * 31
SCREENS = {
    "now": "/",
    "queue": "/queues/email",
    "jobs": "/jobs",
    "job": f"/jobs/report.generate?id={JOB}",
    "events": "/events",
    "dead": "/dead",
    "letter": "/dead/email/1",
    "schedules": "/schedules",
    "schedule": "/schedules/report.weekly",
    "workers": "/workers",
    "plan": "/dead/redrive?error=no+mailbox",
    "redrives": "/bulk",
    "redrive": f"/bulk/{REDRIVE}",
    "discard": "/dead/discard?error=no+mailbox",
    "pause": "/queues/email/pause",
    "send": "/send?type=email.send",
    "audit": "/audit",
    "mail": "/mail",
    "message": "/mail/1",
    "help": "/help",
}
"""The name of each picture, and the address of the screen."""
_PARTS = ", ".join(f"main {part}" for part in ("h1", "h2", "h3", "th[scope=col]", "dt", "label", "button"))


async def skeleton_of(page: Page) -> str:
    """Return the headings, columns, fields and buttons of a page, one a line, without numbers."""
    texts: list[str] = await page.eval_on_selector_all(
        _PARTS, "all => all.map(one => one.tagName.toLowerCase() + ' ' + (one.firstChild?.textContent ?? ''))"
    )
    return "".join(f"{re.sub('(?<![a-z])[0-9][0-9,.]*', '#', ' '.join(text.split()))}\n" for text in texts)
