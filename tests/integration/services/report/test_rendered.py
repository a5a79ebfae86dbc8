"""Report and mail as a browser draws them: no text lies on another, at any width."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from playwright.async_api import Page

from services.report.notification_mail import notification_mail
from services.report.rendering.document import DayChart, Document, Section, Table, Tile
from services.report.rendering.html_page import page
from services.report.report_store import StoredFile
from tests.browser import browser_page

DAYS = [date(2026, 7, 20) + timedelta(days=number) for number in range(7)]
CHARTS = [
    DayChart("Millions", DAYS, [1_234_567, 1_234_890, 1_200_000, 1_239_999, 999_999, 1_111_111, 1_234_567], [1] * 7),
    DayChart("Bytes", DAYS, [123_400_000, 123_900_000, 120_100_000, 99_900_000, 1, 0, 9], [123_800_000] * 7, "bytes"),
    DayChart("Billions", DAYS, [999_999_999_999] * 7),
    DayChart("Thousands", DAYS, [9_999, 9_998, 9_997, 9_999, 9_996, 9_999, 9_999]),
]
TILES = [Tile("Mails sent", 1_234_567, 1_100_000), Tile("Sign-ins", None, note="nobody knows")]
REPORT = Document(
    "Weekly summary", "20 to 26 July 2026", "the 7 days before", TILES, [Section("Days", CHARTS)], Table("Days", [], [])
)
OVERLAPPING = """() => {
  const overlapping = []
  for (const drawing of document.querySelectorAll("svg.plot, svg.axis")) {
    const texts = [...drawing.querySelectorAll("text")].filter(text => text.getClientRects().length)
    const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()])
    for (const [one, a] of boxes) for (const [other, b] of boxes)
      if (a !== b && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        overlapping.push(`${one} and ${other}`)
  }
  return overlapping
}"""


@pytest.fixture(scope="module")
async def shown() -> AsyncIterator[Page]:
    """A page of a browser."""
    async with browser_page() as one:
        yield one


@pytest.mark.parametrize("width", [320, 360, 545, 700, 1000])
async def test_labels_of_neighbouring_bars_do_not_overlap(shown: Page, width: int) -> None:
    """Whatever the values are; on a narrow screen those that do not fit are left to the tooltip."""
    await shown.set_viewport_size({"width": width, "height": 900})
    await shown.set_content(page(REPORT, application="Acme", report_id="r-1", zone="UTC"))
    assert await shown.evaluate(OVERLAPPING) == []
    assert await shown.evaluate("document.documentElement.scrollWidth") <= width
    assert await shown.locator("svg.plot text").count() > 7 * len(CHARTS)


@pytest.mark.parametrize("width", [320, 700])
async def test_the_mail_fits_a_telephone_and_a_desk(shown: Page, width: int) -> None:
    """It has a frame of its own, is as wide as the screen at most, and its link is large enough for a thumb."""
    file = StoredFile("reports/r-1/report.csv", "weekly-summary-2026-07-26.csv", 900_000)
    link = "https://app.example.com/reports/r-1"
    mail = notification_mail(REPORT, "ada@example.com", [file], application="Acme", link=link, attachment_bytes=0)
    await shown.set_viewport_size({"width": width, "height": 700})
    await shown.set_content(mail.body)
    assert await shown.evaluate("document.documentElement.scrollWidth") <= width
    button = await shown.get_by_role("link", name="Open the report").bounding_box()
    assert button is not None
    assert button["height"] >= 40
    assert await shown.get_by_text("Weekly summary").is_visible()
