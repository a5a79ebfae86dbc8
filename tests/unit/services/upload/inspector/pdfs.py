"""PDFs that tests make, object by object."""

from collections.abc import Mapping

PAINTED = b"1 0 0 rg 0 0 100 50 re f"
"""A red box, bottom left."""


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def pdf(
    objects: Mapping[int, bytes], *, trailer: bytes = b"", prefix: bytes = b"", header: bytes = b"%PDF-1.7\n"
) -> bytes:
    """A PDF of these objects, with a right cross-reference table; object 1 is its catalogue."""
    body, places = header, dict[int, int]()
    for number, content in objects.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % place for place in places.items())
    end = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, trailer, len(body))
    return prefix + body + b"xref\n0 1\n0000000000 65535 f \n" + table + end


def one_page(
    page: bytes = b"", content: bytes = PAINTED, more: Mapping[int, bytes] | None = None, catalogue: bytes = b""
) -> dict[int, bytes]:
    """The objects of a document of one page of 200 by 100 points."""
    return {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalogue,
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R%s>>" % page,
        4: stream(content),
        **(more or {}),
    }


def form(kind: bytes = b"/FT/Tx", flags: int = 4) -> dict[int, bytes]:
    """A document whose form field paints a blue box, right half, upper half."""
    widget = b"<</Type/Annot/Subtype/Widget%s/T(f)/F %d/Rect[100 50 200 100]/AP<</N 6 0 R>>>>" % (kind, flags)
    appearance = stream(b"0 0 1 rg 0 0 100 50 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 100 50]")
    return one_page(b"/Annots[5 0 R]", more={5: widget, 6: appearance}, catalogue=b"/AcroForm<</Fields[5 0 R]>>")
