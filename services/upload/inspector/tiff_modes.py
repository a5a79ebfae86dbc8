"""Teach Pillow's TIFF decoder kinds of samples that it can read and does not list."""

from typing import Any

from PIL import TiffImagePlugin

_DEEP_GREYS = {
    (b"II", 1, 12): ("I;16", "I;12"),
    (b"MM", 1, 12): ("I;16", "I;12"),  # packed big-endian in either byte order (TIFF 6.0, section 8)
    (b"II", 1, 16): ("I;16", "I;16"),
    (b"MM", 1, 16): ("I;16B", "I;16B"),
    (b"II", 2, 16): ("I", "I;16S"),
    (b"MM", 2, 16): ("I", "I;16BS"),
    (b"II", 1, 32): ("I", "I;32S"),
    (b"MM", 1, 32): ("I", "I;32BS"),
    (b"II", 2, 32): ("I", "I;32S"),
    (b"MM", 2, 32): ("I", "I;32BS"),
    (b"II", 3, 32): ("F", "F;32F"),
    (b"MM", 3, 32): ("F", "F;32BF"),
    (b"II", 3, 64): ("F", "F;64F"),
    (b"MM", 3, 64): ("F", "F;64BF"),
}
"""Pillow's modes for byte order, sample format and bits of a TIFF's greys; its own list has half of them."""
_LITTLE, _BIG = b"II", b"MM"
_POLARITIES = (0, 1)


def learn_modes() -> None:
    """Add to the table by which Pillow finds the mode of a TIFF; done again, it changes nothing."""
    known = TiffImagePlugin.OPEN_INFO
    for photometric in _POLARITIES:
        for (order, sample_format, bits), modes in _DEEP_GREYS.items():
            known.setdefault((order, photometric, (sample_format,), 1, (bits,), ()), modes)
        for order in (_LITTLE, _BIG):
            # Pillow's own list takes bytes with a sign for those without.
            known[order, photometric, (2,), 1, (8,), ()] = ("I", "I;8S")
    for (order, photometric, formats, *others), modes in tuple(known.items()):
        if set(formats) == {1}:  # samples that say nothing of themselves (4) are numbers without a sign
            undefined: Any = (order, photometric, (4,) * len(formats), *others)
            known.setdefault(undefined, modes)
