"""The report `storage-usage`: how much is stored, of what, and whose it is."""

from collections.abc import Iterator
from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncConnection

from services.report.parameters import ReportRequest
from services.report.period import period_label
from services.report.queries.storage_figures import Owner, StorageFigures, storage_figures
from services.report.rendering.document import Column, DayChart, Document, Rows, Section, Table, Tile
from services.report.rendering.formatting import Value, share

DAYS = 30
_OWNERS_SHOWN = 15


async def storage_usage(connection: AsyncConnection, request: ReportRequest) -> Document:
    """Read the figures and build the report."""
    return lay_out(await storage_figures(connection, request.period, max_owners=request.sheet_rows), request)


def lay_out(figures: StorageFigures, request: ReportRequest) -> Document:
    """Build the report from its figures: tiles, growth, what the files are, whose they are."""
    return Document(
        name="Storage usage",
        about=period_label(request.period),
        compared_with=request.compared_with,
        tiles=list(_tiles(figures)),
        sections=[
            Section("Growth", list(_growth(figures, request)), _OF_WHAT),
            Section("What is stored", [_types(figures), _statuses(figures)]),
            Section("Whose it is", [_owners(figures)]),
            Section("Largest files", [_largest(figures)]),
        ],
        sheet=Table("Storage usage", _COLUMNS_OF_SHEET, [_row(owner) for owner in figures.largest_owners]),
    )


_OF_WHAT = "Of the files that exist today, by the day of their upload; thumbnails are not included."


def _tiles(figures: StorageFigures) -> Iterator[Tile]:
    end, start = figures.at_end, figures.at_start
    yield Tile("Stored", end.bytes, start.bytes, "bytes", "neither")
    yield Tile("Files", end.files, start.files, better="neither")
    yield Tile("Uploaded", figures.added_bytes.total, figures.added_bytes.total_before, "bytes", "neither")
    ownerless = figures.ownerless.files
    note = f"{ownerless:,} {'file' if ownerless == 1 else 'files'} whose owner is gone"
    yield Tile("Without owner", figures.ownerless.bytes, None, "bytes", "less", note)


def _growth(figures: StorageFigures, request: ReportRequest) -> Iterator[DayChart]:
    dates = [day.date for day in request.period.days]
    if not figures.at_end.bytes:
        yield DayChart("Stored at the end of each day", dates, [0] * len(dates), empty="Nothing is stored.")
        return
    stored = list(accumulate(figures.added_bytes.now, initial=figures.at_start.bytes))[1:]
    yield DayChart("Stored at the end of each day", dates, stored, None, "bytes", "area")
    added = figures.added_bytes
    yield DayChart("Uploaded by day", dates, added.now, added.before, "bytes", empty="Nothing was uploaded.")


def _types(figures: StorageFigures) -> Table:
    total = figures.at_end
    rows: Rows = [
        [kind.of or "unknown", kind.files, kind.bytes, share(kind.bytes, total.bytes)] for kind in figures.by_type
    ]
    hidden = total.files - sum(kind.files for kind in figures.by_type)
    columns = [Column("Type"), Column("Files"), Column("Stored", "bytes", bar=True), Column("Share")]
    note = f"{hidden:,} more files are of other types." if hidden else ""
    return Table("Files by type", columns, rows, note, empty="Nothing is stored.")


def _statuses(figures: StorageFigures) -> Table:
    rows: Rows = [[kind.of, kind.files, kind.bytes] for kind in figures.by_status]
    columns = [Column("Status"), Column("Files", bar=True), Column("Stored", "bytes")]
    note = "pending: announced, its upload is not complete. failed: it could not be processed." if rows else ""
    return Table("Files by status", columns, rows, note, empty="Nothing is stored.")


_COLUMNS_OF_SHEET = [Column(label) for label in ("User", "Name", "Email", "Files", "Bytes")]


def _row(owner: Owner) -> list[Value]:
    return [owner.id, owner.name, owner.email, owner.files, owner.bytes]


def _owners(figures: StorageFigures) -> Table:
    total, shown = figures.at_end.bytes, figures.largest_owners[:_OWNERS_SHOWN]
    rows: Rows = [[own.name or own.email, own.email, own.files, own.bytes, share(own.bytes, total)] for own in shown]
    columns = [
        Column("Name"),
        Column("Email", below=True),
        Column("Files"),
        Column("Stored", "bytes", bar=True),
        Column("Share"),
    ]
    hidden = figures.owners - len(shown)
    note = f"{hidden:,} more users have files: see the CSV file." if hidden else ""
    return Table("Users by what they store", columns, rows, note, empty="No user has a file.")


def _largest(figures: StorageFigures) -> Table:
    rows: Rows = [
        [file.name, file.owner or "no owner", file.content_type, file.bytes] for file in figures.largest_files
    ]
    columns = [Column("File"), Column("Owner", below=True), Column("Type"), Column("Size", "bytes", bar=True)]
    return Table("The ten largest files", columns, rows, empty="Nothing is stored.")
