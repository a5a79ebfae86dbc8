"""The mail that tells that a report is ready."""

from typing import Any

import msgspec
import pytest

from contracts.email import Attachment, SendEmail
from services.report.notification_mail import is_mail_address, link_to, notification_mail
from services.report.rendering.document import Document
from services.report.report_store import StoredFile
from services.report.reports import user_activity, weekly_summary
from tests.unit.services.report.figures import activity, dead_letters, request, weekly

FILES = (
    StoredFile("reports/r/report.html", "weekly-summary-2026-11-22.html", 20_000),
    StoredFile("reports/r/report.csv", "weekly-summary-2026-11-22.csv", 900_000),
)


def mail(report: Document | None = None, **changes: Any) -> SendEmail:
    """A mail that has been through its own contract."""
    report = report or weekly_summary.lay_out(weekly(), request(dead_letters=dead_letters({"email.send": 2})))
    settings: dict[str, Any] = {"application": "Acme", "link": None, "attachment_bytes": 1_000_000}
    made = notification_mail(report, "ada@example.com", FILES, **(settings | changes))
    return msgspec.json.decode(msgspec.json.encode(made), type=SendEmail)


def test_it_carries_the_figures_and_the_files() -> None:
    """Who reads mail on a telephone need not open anything."""
    sent = mail()
    assert sent.to == "ada@example.com"
    assert sent.subject == "Acme: weekly summary, 16 to 22 November 2026"
    for figure in ("Users in all", "120", "from 92", "New users", "28", "Mails sent", "Dead letters"):
        assert figure in sent.body
    assert sent.attachments == tuple(Attachment(key=file.key, file_name=file.file_name) for file in FILES)


def test_a_link_takes_the_place_of_the_files() -> None:
    """Then they stay where the application can ask who reads them."""
    sent = mail(link="https://app.example.com/reports/r-1")
    assert sent.attachments == ()
    assert '<a href="https://app.example.com/reports/r-1" ' in sent.body


def test_a_file_that_is_too_large_is_named_instead() -> None:
    """The mail would be refused with it."""
    sent = mail(attachment_bytes=100_000)
    assert [attachment.file_name for attachment in sent.attachments or ()] == ["weekly-summary-2026-11-22.html"]
    assert "weekly-summary-2026-11-22.csv is too large for a mail; it is stored as reports/r/report.csv." in sent.body


def test_an_id_in_a_link_stays_one_part_of_its_path() -> None:
    """Whatever characters it has."""
    assert link_to("https://app.example.com/reports/", "Q4 / №7?") == (
        "https://app.example.com/reports/Q4%20%2F%20%E2%84%967%3F"
    )


@pytest.mark.parametrize(("email", "usable"), [("ada@example.com", True), ("ada", False), ("a@example.com\nb", False)])
def test_an_address_is_looked_at_before_a_mail_is_made(email: str, usable: bool) -> None:  # noqa: FBT001 - a table
    """The report must not fail for it."""
    assert is_mail_address(email) is usable


def test_texts_are_escaped() -> None:
    """Figures only, but their labels may one day come from elsewhere."""
    report = user_activity.lay_out(activity(), request())
    hostile = Document("<b>", "<i>", "<u>", report.tiles, [], report.sheet)
    body = mail(hostile).body
    assert "<i>" not in body
    assert "&lt;i&gt;" in body
