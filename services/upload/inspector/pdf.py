"""Inspect a PDF: its page count, its title and a thumbnail of its first page, form fields and signatures included."""

import io
import math
import re
from itertools import islice
from typing import Any, BinaryIO

import pypdfium2 as pdfium  # type: ignore[import-untyped]  # the package ships no types
from PIL import Image
from pypdfium2 import raw

from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.sanitize import clean

_UNPROTECTED = -1
_FORM_VERSION = 2
_MAX_BROKEN_PAGES = 20
"""So many pages that cannot be read are passed over in search of the first one that can."""
_MAX_REPAIRED_BYTES = 32 * 1024 * 1024
_HEADER, _HEADER_BYTES = b"%PDF-", 1024
_CATALOGUE = re.compile(rb"/Type\s*/Catalog\b")
_OBJECT = re.compile(rb"\b(\d{1,10})\s+(\d{1,5})\s+obj\b")
_PAGE = re.compile(rb"\b(\d{1,7})\s+(\d{1,5})\s+obj\b\s*<<(?:(?!endobj).){0,2000}?/Type\s*/Page\b", re.DOTALL)
_MAX_LISTED_PAGES = 1000
_CATALOGUE_BYTES = 4096
"""How far behind the beginning of its object a catalogue's type is looked for."""
_TAIL_BYTES = 64 * 1024
_LOCKS = {
    raw.FPDF_ERR_PASSWORD: "it is locked with a password",
    raw.FPDF_ERR_SECURITY: "it is locked with a certificate, or for the program of its publisher",
}


def look_into_pdf(file: BinaryIO, limits: ImageLimits) -> tuple[dict[str, Any], Image.Image | None]:
    """Return the metadata of the document and a thumbnail of page one; of a locked document only that it is locked.

    The thumbnail's size is fixed before rendering, so a page of any size costs the same bitmap.

    Raises:
        UnreadableFileError: the document is broken, or has no page that can be read.
    """
    try:
        document, is_repaired = _opened(file)
    except pdfium.PdfiumError as problem:
        if lock := _LOCKS.get(problem.err_code):
            return {"kind": "pdf", "encrypted": True, "notShown": lock}, None
        raise UnreadableFileError(f"it is a PDF that is broken or cut off: {clean(problem)}") from problem
    try:
        return _looked_into(document, file, limits, is_repaired=is_repaired)
    except pdfium.PdfiumError as problem:
        whole = _with_pages(file)
        if whole is None:
            raise _broken_page(problem) from problem
    finally:
        document.close()
    try:
        with pdfium.PdfDocument(whole) as document:
            return _looked_into(document, whole, limits, is_repaired=True)
    except pdfium.PdfiumError as problem:
        raise _broken_page(problem) from problem


def _looked_into(
    document: Any, file: BinaryIO, limits: ImageLimits, *, is_repaired: bool
) -> tuple[dict[str, Any], Image.Image]:
    _show_forms(document)
    metadata = _metadata(document)
    picture, number = _first_page(document, limits.thumbnail_pixels)
    if number > 0 or is_repaired or not _has_end(file):
        metadata["damaged"] = True
    return metadata, picture


def _broken_page(problem: Exception) -> UnreadableFileError:
    return UnreadableFileError(f"it is a PDF whose first page is broken: {clean(problem)}")


def _opened(file: BinaryIO) -> tuple[Any, bool]:
    """Open a document; one without a header or a trailer gets one, as other viewers do without.

    Raises:
        PdfiumError: it is locked or broken.
    """
    file.seek(0)
    if _HEADER not in file.read(_HEADER_BYTES) and (whole := _with_header(file)) is not None:
        return pdfium.PdfDocument(whole), True
    try:
        return pdfium.PdfDocument(file), False
    except pdfium.PdfiumError as problem:
        whole = _with_trailer(file) if problem.err_code == raw.FPDF_ERR_FORMAT else None
        if whole is None:
            raise
    return pdfium.PdfDocument(whole), True


def _with_header(file: BinaryIO) -> BinaryIO | None:
    """Return the file with a header, if it is not too large for a copy; PDFium finds the shifted objects by itself."""
    file.seek(0)
    data = file.read(_MAX_REPAIRED_BYTES + 1)
    return None if len(data) > _MAX_REPAIRED_BYTES else io.BytesIO(_HEADER + b"1.7\n" + data)


def _with_trailer(file: BinaryIO) -> BinaryIO | None:
    """Return the file with a trailer, if it holds a catalogue and is not too large for a copy."""
    file.seek(0)
    data = file.read(_MAX_REPAIRED_BYTES + 1)
    places = [found.start() for found in _CATALOGUE.finditer(data)]
    if len(data) > _MAX_REPAIRED_BYTES or not places:
        return None
    objects = _OBJECT.findall(data, max(0, places[-1] - _CATALOGUE_BYTES), places[-1])
    if not objects:
        return None
    return io.BytesIO(b"%b\ntrailer\n<</Root %b %b R>>\nstartxref\n0\n%%%%EOF\n" % (data, *objects[-1]))


def _with_pages(file: BinaryIO) -> BinaryIO | None:
    """Return the file with a list of the pages that stand in it, in place of the one that leads to none."""
    file.seek(0)
    data = file.read(_MAX_REPAIRED_BYTES + 1)
    pages = [found.groups() for found in islice(_PAGE.finditer(data), _MAX_LISTED_PAGES)]
    if len(data) > _MAX_REPAIRED_BYTES or not pages:
        return None
    free = 1 + max(int(number) for number, _ in _OBJECT.findall(data))
    kids = b" ".join(b"%b %b R" % page for page in pages)
    return io.BytesIO(
        b"%b\n%d 0 obj\n<</Type/Pages/Kids[%b]/Count %d>>\nendobj\n%d 0 obj\n<</Type/Catalog/Pages %d 0 R>>\nendobj\n"
        b"trailer\n<</Root %d 0 R>>\nstartxref\n0\n%%%%EOF\n" % (data, free, kids, len(pages), free + 1, free, free + 1)
    )


def _show_forms(document: Any) -> None:
    """Have form fields drawn, signatures among them, also where the document does not list them as a form."""
    config = raw.FPDF_FORMFILLINFO(version=_FORM_VERSION)
    if environment := raw.FPDFDOC_InitFormFillEnvironment(document, config):
        document.formenv = pdfium.PdfFormEnv(environment, config)


def _metadata(document: Any) -> dict[str, Any]:
    protected = raw.FPDF_GetSecurityHandlerRevision(document) != _UNPROTECTED
    metadata: dict[str, Any] = {"kind": "pdf", "pages": len(document), "encrypted": protected}
    if title := _title(document):
        metadata["title"] = title
    return metadata


def _title(document: Any) -> str:
    try:
        return clean(document.get_metadata_value("Title"))
    except UnicodeDecodeError:  # cut inside a character
        return ""


def _first_page(document: Any, pixels: int) -> tuple[Image.Image, int]:
    """Return a picture of the first page that can be read, and its index."""
    if not len(document):
        raise UnreadableFileError("it is a PDF without pages")
    for number in range(min(len(document), _MAX_BROKEN_PAGES)):
        try:
            return _picture(_page(document, number), pixels), number
        except pdfium.PdfiumError as error:
            problem = error
    raise problem


def _page(document: Any, number: int) -> Any:
    """Return a page; one that is cropped to nothing is shown whole."""
    page = document[number]
    if min(page.get_size()) > 0:
        return page
    page.set_cropbox(*page.get_mediabox())
    page.close()
    return document[number]


def _picture(page: Any, pixels: int) -> Image.Image:
    longer = max(page.get_size())
    if not math.isfinite(longer) or longer <= 0:
        raise UnreadableFileError("it is a PDF whose first page has no size")
    bitmap = page.render(scale=pixels / longer, may_draw_forms=True)
    picture: Image.Image = bitmap.to_pil().convert("RGB")
    picture.thumbnail((pixels, pixels))  # rounding up may have made it a pixel too large
    return picture


def _has_end(file: BinaryIO) -> bool:
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    return b"%%EOF" in file.read()
