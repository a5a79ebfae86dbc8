"""Inspect a PDF: its page count, its title and a thumbnail of page one."""

import math
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium  # type: ignore[import-untyped]  # the package ships no types
from PIL import Image
from pypdfium2 import raw

from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.sanitize import clean

_UNPROTECTED = -1


def look_into_pdf(source: Path, limits: ImageLimits) -> tuple[dict[str, Any], Image.Image | None]:
    """Return the metadata of the document and a thumbnail of page one; of a locked document only that it is locked.

    The thumbnail's size is fixed before rendering, so a page of any size costs the same bitmap.

    Raises:
        UnreadableFileError: the document or its first page is broken.
    """
    try:
        document = pdfium.PdfDocument(source)
    except pdfium.PdfiumError as problem:
        if problem.err_code == raw.FPDF_ERR_PASSWORD:
            return {"kind": "pdf", "encrypted": True}, None
        raise UnreadableFileError(f"it is a PDF that is broken or cut off: {clean(problem)}") from problem
    try:
        return _metadata(document), _first_page(document, limits.thumbnail_pixels)
    except pdfium.PdfiumError as problem:
        raise UnreadableFileError(f"it is a PDF whose first page is broken: {clean(problem)}") from problem
    finally:
        document.close()


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


def _first_page(document: Any, pixels: int) -> Image.Image:
    page = document[0]
    longer = max(page.get_size())
    if not math.isfinite(longer) or longer <= 0:
        raise UnreadableFileError("it is a PDF whose first page has no size")
    bitmap = page.render(scale=pixels / longer, may_draw_forms=False)
    picture: Image.Image = bitmap.to_pil().convert("RGB")
    picture.thumbnail((pixels, pixels))  # rounding up may have made it a pixel too large
    return picture
