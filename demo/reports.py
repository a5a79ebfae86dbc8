"""Reports: one of each kind about a month of sample rows, stored and announced by mail; and the weekly one."""

import csv
import email
import email.policy
import io
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

from sqlalchemy import insert, select

from contracts.report import GenerateReport
from demo.runner import Stage
from demo.sample_rows import SHARES, Row, World, rows_of
from schema.tables import reports

ADMINISTRATOR = "admin@example.com"
_READER = "reader@example.com"
_KINDS = ("weekly-summary", "user-activity", "storage-usage")
_COUNTS = {"users": 400, "activity_logs": 12_000, "files": 1_500, "email_deliveries": 2_000}
_MONTH = timedelta(days=29)
"""Less than what the cleanup keeps, so that it finds nothing to do here."""


async def play(stage: Stage) -> None:
    """Request one report of each kind as an application does: the row first, then the job."""
    stage.begin("report", "three kinds, each a page, a table for a spreadsheet, and a mail")
    await _fill(stage)
    asked = [(kind, await _ask(stage, kind)) for kind in _KINDS]
    for kind, report_id in asked:
        row = await stage.expect(f"{kind} is made", partial(_done, stage, report_id), where=f"reports/{report_id}/")
        if row is not None:
            await _open(stage, kind, row)
        await stage.expect(
            f"{kind} is announced, with both files attached",
            partial(_mail, stage, _READER, kind),
            where=str(stage.stack.mail.mailbox),
        )


async def weekly(stage: Stage, due: datetime) -> None:
    """Check the report for the event of `report.weekly` of this due time."""
    report_id = f"weekly-{due.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    row = await stage.expect(
        "cron.report.weekly makes the weekly report", partial(_done, stage, report_id), where=f"reports/{report_id}/"
    )
    if row is not None:
        await _open(stage, "weekly", row)
    await stage.expect(
        "and mails its figures to the administrator",
        partial(_mail, stage, ADMINISTRATOR, "weekly-summary"),
        where=str(stage.stack.mail.mailbox),
    )


async def _fill(stage: Stage) -> None:
    now = datetime.now(UTC)
    world = World(7, now, _COUNTS["users"])
    written = 0
    for name, count in _COUNTS.items():
        rows = list(_recent(name, world, count))
        written += len(rows)
        async with stage.database.write() as connection:
            await connection.execute(insert(SHARES[name][0]), rows)
    stage.note(f"{written:,} sample rows: {', '.join(_COUNTS)}")


def _recent(name: str, world: World, count: int) -> Iterator[Row]:
    """Yield the sample rows that a cleanup would not delete."""
    for row in rows_of(name, world, count):
        if name == "files":
            wanted = row["processed"] and row["user_id"]
        else:
            wanted = name == "users" or world.now - (row.get("created_at") or row["sent_at"]) < _MONTH
        if wanted:
            yield row


async def _ask(stage: Stage, kind: str) -> str:
    report_id = uuid.uuid4().hex
    row = {"id": report_id, "kind": kind, "requester_email": _READER, "created_at": datetime.now(UTC)}
    async with stage.database.write() as connection:
        await connection.execute(insert(reports), row)
    await stage.publisher.publish(GenerateReport(report_id=report_id), job_id=f"report-{report_id}")
    return report_id


async def _done(stage: Stage, report_id: str) -> Any:
    rows = await stage.rows(select(reports).where(reports.c.id == report_id, reports.c.status == "done"))
    return rows[0] if rows else None


async def _open(stage: Stage, kind: str, row: Any) -> None:
    """Download both files, and check what a person would look for in them."""
    page, sheet = stage.out / f"{kind}.html", stage.out / f"{kind}.csv"
    await stage.objects.download(row["html_key"], page)
    await stage.objects.download(row["csv_key"], sheet)
    html = page.read_text(encoding="utf-8")
    lines = list(csv.reader(io.StringIO(sheet.read_text(encoding="utf-8-sig"))))
    await stage.expect(
        f"the page of {kind} can be opened",
        lambda: html.rstrip().endswith("</html>") and "<svg" in html,
        where=str(page),
    )
    tiles = re.findall(r'<p class="label">(.*?)</p>\s*<p class="figure">(.*?)</p>', html)
    stage.note(", ".join(f"{label}: {figure}" for label, figure in tiles) + f"; {len(lines) - 1:,} rows of CSV")


def _mail(stage: Stage, recipient: str, kind: str) -> EmailMessage | None:
    """Return the mail about this kind of report, which has a page and a table attached."""
    for path in stage.mails(recipient):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        attached = [part.get_filename() or "" for part in mail.iter_attachments()]
        if len(attached) > 1 and all(name.startswith(kind) for name in attached):
            return mail
    return None
