"""Reading a form: a bounded body, urlencoded, each field once."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from nightshift.console.web.refused import Refused

LONGEST_FORM = 600 * 1024
"""Bytes. A job's body of 128 KB may be three times as long in a form."""
_MOST_FIELDS = 200


def as_written(text: str) -> str:
    """Return a text of a field with its line breaks as they were before the browser sent it."""
    return text.replace("\r\n", "\n")


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form.

    Raises:
        Refused: it is no form, too long, or names a field twice.
        ClientDisconnect: the client has gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(400, "Expected a form (application/x-www-form-urlencoded).")
    pieces, size = list[bytes](), 0
    async for piece in request.stream():
        size += len(piece)
        if size > LONGEST_FORM:
            raise Refused(413, f"A form may have {LONGEST_FORM:,} bytes at most.")
        pieces.append(piece)
    try:
        fields = parse_qsl(
            b"".join(pieces).decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise Refused(400, "The form cannot be read.") from None
    form = dict(fields)
    if len(form) != len(fields):
        raise Refused(400, "The form names a field twice.")
    return form
