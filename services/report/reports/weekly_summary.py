"""The report `weekly-summary`: users, uploads, mails and dead letters, compared with the days before."""

from collections.abc import Iterator

from sqlalchemy.ext.asyncio import AsyncConnection

from services.report.parameters import ReportRequest
from services.report.period import Period, day_label, period_label
from services.report.queries.daily_counts import Days
from services.report.queries.dead_letters import DeadLetters
from services.report.queries.weekly_figures import WeeklyFigures, weekly_figures
from services.report.rendering.document import Column, DayChart, Document, Rows, Section, Table, Tile
from services.report.rendering.formatting import Unit, Value, size

DAYS = 7
_TYPES_SHOWN = 10


async def weekly_summary(connection: AsyncConnection, request: ReportRequest) -> Document:
    """Read the figures and build the report."""
    return lay_out(await weekly_figures(connection, request.period), request)


def lay_out(figures: WeeklyFigures, request: ReportRequest) -> Document:
    """Build the report from its figures: tiles, then each of them by day, then the dead letters."""
    return Document(
        name="Weekly summary" if len(request.period.days) == DAYS else "Summary",
        about=period_label(request.period),
        compared_with=request.compared_with,
        tiles=[*_tiles(figures), _dead_letter_tile(request)],
        sections=[
            Section("Users", [_chart("New users by day", figures.new_users, request.period, "Nobody signed up.")]),
            Section("Uploads", list(_upload_charts(figures, request.period)), _failures(figures)),
            Section("Mails", [_chart("Mails sent by day", figures.mails, request.period, "No mail was sent.")]),
            _dead_letters(request),
        ],
        sheet=_sheet(figures, request),
    )


def _tiles(figures: WeeklyFigures) -> Iterator[Tile]:
    new, uploads, mails = figures.new_users, figures.uploads, figures.mails
    yield Tile("Users in all", figures.users, figures.users_before)
    yield Tile("New users", new.total, new.total_before)
    note = f"{size(figures.uploaded_bytes.total)} together" if uploads.total else ""
    yield Tile("Uploads", uploads.total, uploads.total_before, note=note)
    yield Tile("Mails sent", mails.total, mails.total_before)


def _dead_letter_tile(request: ReportRequest) -> Tile:
    seen, earlier = request.dead_letters, request.earlier_dead_letters
    if seen is None:
        return Tile("Dead letters", None, note="not counted")
    if earlier is None:
        return Tile("Dead letters", seen.total, note="waiting to be looked at" if seen.total else "none waiting")
    note = f"waiting; {seen.added_since(earlier):,} new since the previous report"
    return Tile("Dead letters", seen.total, earlier.total, better="less", note=note)


def _chart(title: str, days: Days, period: Period, empty: str, unit: Unit = "count") -> DayChart:
    return DayChart(title, [day.date for day in period.days], days.now, days.before, unit, empty=empty)


def _upload_charts(figures: WeeklyFigures, period: Period) -> Iterator[DayChart]:
    yield _chart("Files uploaded by day", figures.uploads, period, "Nothing was uploaded.")
    if figures.uploaded_bytes.total:
        yield _chart("Bytes uploaded by day", figures.uploaded_bytes, period, "", "bytes")


def _failures(figures: WeeklyFigures) -> str:
    if not figures.failed_uploads:
        return ""
    before = figures.failed_uploads_before
    return f"{figures.failed_uploads:,} of them could not be processed (of those in the days before: {before:,})."


def _dead_letters(request: ReportRequest) -> Section:
    seen, earlier = request.dead_letters, request.earlier_dead_letters
    waiting = seen.waiting if seen else {}
    before = earlier.waiting if earlier else {}
    most = sorted(waiting, key=lambda name: (-waiting[name], name))
    rows: Rows = [[name, waiting[name], before.get(name, 0) if earlier else None] for name in most[:_TYPES_SHOWN]]
    hidden = sum(waiting[name] for name in most[_TYPES_SHOWN:])
    table = Table(
        "Jobs given up, by type",
        [Column("Type of job"), Column("Waiting", bar=True), Column("A week before")],
        rows,
        note=f"{hidden:,} more are of other types." if hidden else "",
        empty="No dead letters are waiting.",
    )
    when = f"As counted on {day_label(seen.seen_at.date())}, {seen.seen_at:%H:%M} UTC." if seen else ""
    return Section("Dead letters", [table], when)


def _sheet(figures: WeeklyFigures, request: ReportRequest) -> Table:
    seen, earlier = request.dead_letters, request.earlier_dead_letters
    rows: list[list[Value]] = [
        ["Users in all", None, figures.users, figures.users_before],
        *_by_day("New users", figures.new_users, request.period),
        *_by_day("Uploads", figures.uploads, request.period),
        *_by_day("Uploaded bytes", figures.uploaded_bytes, request.period),
        ["Uploads that failed", None, figures.failed_uploads, figures.failed_uploads_before],
        *_by_day("Mails sent", figures.mails, request.period),
        ["Dead letters waiting", None, _waiting(seen), _waiting(earlier)],
    ]
    columns = [Column("Figure"), Column("Day"), Column("Value"), Column(f"Value {request.compared_with}")]
    return Table("Weekly summary", columns, rows)


def _waiting(seen: DeadLetters | None) -> int | None:
    return None if seen is None else seen.total


def _by_day(name: str, days: Days, period: Period) -> Iterator[list[Value]]:
    yield [name, None, days.total, days.total_before]
    for day, now, before in zip(period.days, days.now, days.before, strict=True):
        yield [name, day.date, now, before]
