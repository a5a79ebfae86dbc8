"""Writes the mail that tells somebody that a report is ready, with its figures."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from contracts.email import ADDRESS, Attachment, SendEmail
from services.report.rendering.document import Document, Tile
from services.report.rendering.formatting import NOTHING, amount, change
from services.report.rendering.markup import Markup, element, join
from services.report.report_store import StoredFile

_CELL = "padding:6px 16px 6px 0;border-bottom:1px solid #e3e7ee;"
"""Mail programs know styles only where they are used."""


def can_be_told(email: str) -> bool:
    """Whether a mail can be sent to this address at all."""
    return re.search(ADDRESS, email) is not None


def announcement(
    report: Document,
    to: str,
    files: Sequence[StoredFile],
    *,
    application: str,
    link: str | None,
    attachment_bytes: int,
) -> SendEmail:
    """The mail; with a `link` it carries no attachments, without one all those that are not too large."""
    attached = [] if link else [file for file in files if file.size_bytes <= attachment_bytes]
    left_out = [] if link else [file for file in files if file not in attached]
    return SendEmail(
        to=to,
        subject=f"{application}: {report.name.lower()}, {report.about}",
        body=str(join(_body(report, link, attached, left_out))),
        attachments=tuple(Attachment(key=file.key, file_name=file.file_name) for file in attached),
    )


def link_to(base: str, report_id: str) -> str:
    """Where the application shows this report."""
    return f"{base.rstrip('/')}/{quote(report_id, safe='')}"


def _body(
    report: Document, link: str | None, attached: Sequence[StoredFile], left_out: Sequence[StoredFile]
) -> Iterator[Markup]:
    yield element("h2", report.name)
    yield element("p", f"{report.about}, compared with {report.compared_with}.")
    rows = [_row(tile) for tile in report.tiles]
    yield element("table", rows, style="border-collapse:collapse")
    if link:
        yield element("p", element("a", "Open the report", href=link))
    if attached:
        yield element("p", "The whole report is attached: a page for reading and a table for a spreadsheet.")
    for file in left_out:
        yield element("p", f"{file.file_name} is too large for a mail; it is stored as {file.key}.")


def _row(tile: Tile) -> Markup:
    value = NOTHING if tile.value is None else amount(tile.value, tile.unit)
    told = ""
    if tile.value is not None and tile.before is not None:
        before = "" if tile.value == tile.before else f" from {amount(tile.before, tile.unit)}"
        told = change(tile.value, tile.before) + before
    return element(
        "tr",
        element("td", tile.label, style=_CELL),
        element("td", element("b", value), style=_CELL + "text-align:right;"),
        element("td", "; ".join(filter(None, [told, tile.note])), style=_CELL + "color:#5a6478;"),
    )
