"""The settings of the report service."""

from typing import Annotated

from msgspec import Meta

from contracts.email import ADDRESS
from nightshift import Settings
from nightshift.config.settings import OBJECTS, Pattern

_MEBIBYTE = 1024 * 1024


class ReportSettings(Settings, frozen=True, kw_only=True):
    """Who gets the weekly report, and what reports and their mails look like."""

    REQUIRES = OBJECTS

    slots: Annotated[
        int, Meta(ge=1, description="Reports that a worker builds at the same time; each reads much of the database.")
    ] = 4
    admin_email: Annotated[
        str | None,
        Pattern(ADDRESS, "admin@example.com"),
        Meta(description="Who gets the weekly report by mail; if not set, it is only stored."),
    ] = None
    app_name: Annotated[
        str,
        Pattern(r"[^\x00-\x1f\x7f]{1,80}", "Acme"),
        Meta(description="Name of the application, shown on reports and in their mails."),
    ] = "Nightshift"
    report_url: Annotated[
        str | None,
        Pattern(r"https?://[^\s?#]+", "https://app.example.com/reports"),
        Meta(
            description="Where the application shows reports; a report's mail links to its id below it. "
            "If not set, the mail carries the report as attachments."
        ),
    ] = None
    report_rows: Annotated[
        int,
        Meta(ge=1, le=50_000, description="Most rows in a report's CSV file, which are held in memory."),
    ] = 10_000
    report_attachment_bytes: Annotated[
        int,
        Meta(ge=0, description="A larger file is not attached to the report's mail, which names it instead."),
    ] = 4 * _MEBIBYTE
