"""Find out what the samples of a deep grey image mean: their range, their polarity, their mark for missing data."""

from contextlib import suppress
from typing import BinaryIO

from PIL import Image

from services.upload.inspector.fits import blank
from services.upload.inspector.greys import Samples
from services.upload.inspector.tiff import BITS, GDAL_NO_DATA, PHOTOMETRIC, SAMPLE_FORMAT, Tiff

_UNSIGNED = frozenset({1, 4})
"""Samples that say nothing of themselves (4) are numbers without a sign (TIFF 6.0, section 19)."""
_SHORT, _LONG = 16, 32
_SHORT_MAX = 65_535.0


def samples_of(image: Image.Image, file: BinaryIO, tiff: Tiff | None) -> Samples:
    """Return the meaning of an image's samples; it matters only for modes of more than 8 bits."""
    if tiff is not None:
        return _of_tiff(tiff)
    if image.format == "FITS":
        return Samples(signed_bits=_SHORT if image.mode.startswith("I;16") else 0, no_data=_blank(file))
    transparent = image.info.get("transparency")
    no_data = float(transparent) if isinstance(transparent, int) else None
    return Samples(
        highest=_SHORT_MAX if image.mode.startswith("I;16") or image.format in {"PNG", "PPM"} else None, no_data=no_data
    )


def _of_tiff(tiff: Tiff) -> Samples:
    bits = tiff.number(BITS, 1)
    unsigned = tiff.number(SAMPLE_FORMAT, 1) in _UNSIGNED
    return Samples(
        highest=float(2**bits - 1) if unsigned and bits <= _SHORT else None,
        white_is_zero=tiff.number(PHOTOMETRIC) == 0,
        no_data=_no_data(tiff),
        wraps_at=2**_LONG if unsigned and bits == _LONG else 0,
    )


def _no_data(tiff: Tiff) -> float | None:
    """Return the sample that stands for missing data, which GDAL writes as text."""
    text = tiff.tags.get(GDAL_NO_DATA, (b"",))[0]
    if isinstance(text, bytes):
        with suppress(ValueError):
            return float(text.partition(b"\x00")[0].decode("ascii", "replace").strip())
    return None


def _blank(file: BinaryIO) -> float | None:
    """Return the mark of a FITS file for missing data; the file is left where its decoder has it."""
    place = file.tell()
    try:
        return blank(file)
    finally:
        file.seek(place)
