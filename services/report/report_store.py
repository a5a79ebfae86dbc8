"""Store a report in the object store, as page and as CSV file, under keys derived from its id."""

import asyncio
import hashlib
from dataclasses import dataclass

from nightshift.contract import wire
from nightshift.objects import ObjectStore
from services.report.period import Period
from services.report.queries.repository import Report
from services.report.rendering.csv_file import spreadsheet
from services.report.rendering.document import Document
from services.report.rendering.html_page import page

HTML, CSV = "text/html; charset=utf-8", "text/csv; charset=utf-8"


@dataclass(slots=True, frozen=True)
class StoredFile:
    """A stored file of the report; `file_name` is the name that people see."""

    key: str
    file_name: str
    size_bytes: int
    sha256: str = ""
    """Of its content, in hexadecimal."""


async def store_report(
    objects: ObjectStore, document: Document, report: Report, period: Period, *, application: str
) -> tuple[StoredFile, StoredFile]:
    """Render and store page and CSV file; a repeated run replaces them with the same."""
    zone = period.zone.key

    def rendered() -> tuple[bytes, bytes]:
        html = page(document, application=application, report_id=report.id, zone=zone)
        return html.encode(errors="replace"), spreadsheet(document.sheet)

    html, csv = await asyncio.to_thread(rendered)  # ten thousand rows would block the other jobs
    folder, name = f"reports/{wire.safe_token(report.id)}", f"{report.kind}-{period.days[-1].date}"
    return (
        await _put(objects, f"{folder}/report.html", html, HTML, f"{name}.html"),
        await _put(objects, f"{folder}/report.csv", csv, CSV, f"{name}.csv"),
    )


async def _put(objects: ObjectStore, key: str, data: bytes, content_type: str, file_name: str) -> StoredFile:
    await objects.put(key, data, content_type)
    return StoredFile(key, file_name, len(data), hashlib.sha256(data).hexdigest())
