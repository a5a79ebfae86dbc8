"""Identify the type of a file by its first bytes alone.

Signatures and the rule for text are those of the WHATWG MIME Sniffing Standard (§6, §7.1), with more types and with
more of a header demanded than its few magic bytes: a text that begins `BMI;weight` is no bitmap. Text that a browser
would run (HTML, SVG) is `text/plain`, because an application may serve a file under the type of its row.
"""

import re

from services.upload.containers import ebml_type, iso_media_type, ogg_type, zip_type
from services.upload.signatures import BINARY, TEXTUAL, Table, is_bitmap, is_icon, is_mpeg_audio, is_transport_stream

HEAD_BYTES = 4096
"""How much of a file is examined."""
_TEXT_BYTES = 1445
"""How much of it is examined for text: what the WHATWG standard calls the resource header."""

UNKNOWN = "application/octet-stream"
PDF = "application/pdf"
IMAGES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/vnd.microsoft.icon": "ICO",
    "image/x-portable-bitmap": "PPM",
    "image/x-portable-graymap": "PPM",
    "image/x-portable-pixmap": "PPM",
    "image/vnd.adobe.photoshop": "PSD",
    "image/fits": "FITS",
}
"""Image types that are inspected, with the name of their decoder."""

_PDF_MARK = b"%PDF-"
_PDF_HEADER = re.compile(rb"%PDF-\d\.\d")
_PDF_HEADER_BYTES = 1024
"""Readers look for the header in so many bytes: mail gateways, printers and web pages put things before it."""
_PDF_BODY = re.compile(rb"\d+\s+\d+\s+obj\b|xref\b|^%[\x80-\xff]{2,}", re.MULTILINE)
_TEXT_CONTROLS = frozenset(b"\t\n\x0c\r\x1b")
_FIRST_PRINTABLE = 0x20
_NEVER_TEXT = (b"\xff\xd8\xff", b"\x28\xb5\x2f\xfd")
"""Beginnings of a JPEG and of a Zstandard file, which could be letters of Latin-1."""
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


def sniff(head: bytes) -> str:
    """Return the media type of a file that begins with `head`, of which at most `HEAD_BYTES` are examined."""
    head = head[:HEAD_BYTES]
    if _PDF_HEADER.match(head) or (head.startswith(_PDF_MARK) and _PDF_BODY.search(head)):
        return PDF
    text = _is_text(head[:_TEXT_BYTES])
    known = _matching(TEXTUAL, head) or (None if text else _binary_type(head))
    if known is None and _is_pdf_behind_something(head):
        return PDF
    return known or ("text/plain" if text else UNKNOWN)


def _matching(table: Table, head: bytes) -> str | None:
    return next((media_type for signature, media_type in table if signature.match(head)), None)


def _binary_type(head: bytes) -> str | None:
    if media_type := _matching(BINARY, head):
        return media_type
    if is_bitmap(head):
        return "image/bmp"
    if is_icon(head):
        return "image/vnd.microsoft.icon"
    if is_mpeg_audio(head):
        return "audio/mpeg"
    if is_transport_stream(head):
        return "video/mp2t"
    return zip_type(head) or iso_media_type(head) or ebml_type(head) or ogg_type(head)


def _is_pdf_behind_something(head: bytes) -> bool:
    """Return whether a PDF follows something of no known type; its header alone may also be quoted in a text."""
    header = _PDF_HEADER.search(head[:_PDF_HEADER_BYTES])
    return header is not None and _PDF_BODY.search(head, header.end()) is not None


def _is_text(head: bytes) -> bool:
    if head.startswith(_BYTE_ORDER_MARKS):
        return True
    if not head or head.startswith(_NEVER_TEXT):
        return False
    return not any(byte < _FIRST_PRINTABLE and byte not in _TEXT_CONTROLS for byte in head)
