"""Write a table as CSV (RFC 4180) that spreadsheets open as intended, whatever its texts contain."""

import csv
import io
import re
from datetime import date, datetime

from nightshift.instants import rfc3339
from services.report.rendering.document import Table
from services.report.rendering.formatting import Value

_FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""A spreadsheet evaluates a cell that begins so, spaces, line breaks and full-width signs included.

A name must not become a formula.
"""
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Tells spreadsheets that the file is UTF-8."""


def spreadsheet(table: Table) -> bytes:
    """Return the table with its headings: plain numbers, instants as RFC 3339 in UTC, nothing for unknown values."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([column.label for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return (_BYTE_ORDER_MARK + written.getvalue()).encode(errors="replace")


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value, "seconds")
    if isinstance(value, int | date):
        return str(value)
    safe = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f"'{safe}" if _FORMULA.match(safe) else safe
