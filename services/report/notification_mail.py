"""Write the mail that announces a report, with its main figures."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from markupsafe import Markup

from contracts.email import ADDRESS, Attachment, SendEmail
from services.report.rendering.document import Document
from services.report.rendering.html_page import trend
from services.report.rendering.templates import render
from services.report.report_store import StoredFile

_COLOURS = {"good": Markup("color:#1a7440;"), "bad": Markup("color:#b3261e;"), "": ""}
"""How a change is coloured; its sign says the same in text."""


def is_mail_address(email: str) -> bool:
    """Tell whether the contract of mails accepts this address."""
    return re.search(ADDRESS, email) is not None


def notification_mail(
    report: Document,
    to: str,
    files: Sequence[StoredFile],
    *,
    application: str,
    link: str | None,
    attachment_bytes: int,
) -> SendEmail:
    """Write the mail: with a link to the report if there is one, else with all attachments that are small enough."""
    attached = [] if link else [file for file in files if file.size_bytes <= attachment_bytes]
    left_out = [] if link else [file for file in files if file not in attached]
    body = render(
        "notification_mail.html",
        report=report,
        application=application,
        link=link,
        attached=attached,
        left_out=left_out,
        colour=lambda tile: _COLOURS[trend(tile)],
    )
    return SendEmail(
        to=to,
        subject=f"{application}: {report.name.lower()}, {report.about}",
        body=body.replace("\n", ""),  # on one line, as those who consume the mail expect it
        attachments=tuple(Attachment(key=file.key, file_name=file.file_name) for file in attached),
    )


def link_to(base: str, report_id: str) -> str:
    """Return the address at which the application shows the report."""
    return f"{base.rstrip('/')}/{quote(report_id, safe='')}"
