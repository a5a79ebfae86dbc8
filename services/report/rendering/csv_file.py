"""Writes a table as CSV that spreadsheets open as it is meant, whatever stands in its texts (RFC 4180)."""

import csv
import io
from datetime import date, datetime

from nightshift.instants import rfc3339
from services.report.rendering.document import Table
from services.report.rendering.formatting import Value

_FORMULA = frozenset("=+-@\t\r")
"""A cell that begins so would be computed by a spreadsheet: a name must not be able to run anything there."""
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Tells spreadsheets that the file is UTF-8."""


def spreadsheet(table: Table) -> bytes:
    """The table with its heading. Numbers are plain, instants RFC 3339 in UTC, what is not known stays empty."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([column.label for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return (_MARK + written.getvalue()).encode(errors="replace")


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value, "seconds")
    if isinstance(value, int | date):
        return str(value)
    safe = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f"'{safe}" if safe[:1] in _FORMULA else safe
