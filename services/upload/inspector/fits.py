"""Read the headers of a FITS file (FITS standard 4.0 §4): whether it begins with an image, and what marks a gap."""

from typing import BinaryIO

_CARD, _BLOCK = 80, 2880
_MAX_CARDS = 10_000
_LONG = "64"
"""The one size of samples that the decoder does not know."""


def why_no_picture(file: BinaryIO) -> str | None:
    """Return why a sound file has no picture to show: a table, a spectrum, nothing; None if it should have one."""
    header = image_header(file)
    if header is None:
        return "it is a FITS file that begins with no image"
    return "no picture can be made of a FITS image with samples of 64 bits" if header.get("BITPIX") == _LONG else None


def image_header(file: BinaryIO) -> dict[str, str] | None:
    """Return the header of the first part that holds data, if that is an image; of one that is cut off, what is there.

    Tables hold data, too.
    """
    file.seek(0)
    while (header := _header(file)) is not None:
        if header.get("NAXIS", "0") == "0":
            continue  # an empty first part, in front of extensions
        is_packed_image = header.get("ZIMAGE") == "T"
        return header if is_packed_image or "TABLE" not in header.get("XTENSION", "") else None
    return None


def blank(file: BinaryIO) -> float | None:
    """Return the whole number that stands for missing data (§4.4.2.5)."""
    header = image_header(file) or {}
    try:
        return float(int(header["BLANK"])) if not header.get("BITPIX", "").startswith("-") else None
    except (KeyError, ValueError):
        return None


def _header(file: BinaryIO) -> dict[str, str] | None:
    """Read one header, and the rest of its last block; None at the end of the file."""
    cards: dict[str, str] = {}
    for number in range(1, _MAX_CARDS):
        card = file.read(_CARD)
        if len(card) < _CARD:
            return {**cards, "NAXIS": ""} if cards or card else None
        name = card[:8].decode("ascii", "replace").strip()
        if name == "END":
            file.seek(-number * _CARD % _BLOCK, 1)
            return cards
        cards.setdefault(name, card[10:].partition(b"/")[0].decode("ascii", "replace").strip().strip("'").strip())
    return None
