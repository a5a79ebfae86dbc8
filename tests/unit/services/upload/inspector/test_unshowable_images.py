"""A sound image of a kind that cannot be shown is processed all the same, and says why it has no thumbnail."""

import struct

import pytest

from services.upload.inspection import UnreadableFileError
from tests.unit.services.upload.inspector.looks import encoded, gradient, inspect
from tests.unit.services.upload.inspector.pictures import psd, ramp, tiff

KINDS = {
    "camera raw data": tiff(ramp("H", 0, 4095), bits=(16,), photometric=32_803),
    "float colours": tiff(ramp("f", 0, 1, size=(180, 40)), bits=(32, 32, 32), photometric=2, sample_format=3),
    "five bands": tiff(ramp("H", 0, 65_535, size=(300, 40)), bits=(16,) * 5, more={338: (3, [0] * 4)}),
    "grey with alpha": tiff(ramp("H", 0, 65_535, size=(120, 40)), bits=(16, 16), more={338: (3, [2])}),
    "half floats": tiff(ramp("e", 0, 1), bits=(16,), sample_format=3),
    "complex numbers": tiff(ramp("f", 0, 1, size=(120, 40)), bits=(64,), sample_format=6),
    "24 bits": tiff(ramp("B", 0, 255, size=(180, 40)), bits=(24,)),
    "unknown compression": tiff(ramp("B", 0, 255), more={259: (3, [34_712])}),
    "big-endian float colours": tiff(
        ramp("f", 0, 1, size=(180, 40), order=">"), order=">", bits=(32,) * 3, photometric=2, sample_format=3
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_tiff_of_a_rare_kind_says_why_it_is_not_shown(kind: str) -> None:
    """Its tags are right and its data complete: it is no broken file."""
    metadata, picture = inspect(KINDS[kind])
    assert picture is None
    assert "no picture can be made of a TIFF" in metadata["notShown"]
    assert "damaged" not in metadata


def test_a_rare_kind_that_is_cut_off_is_broken() -> None:
    """Only what is sound gets by."""
    data = KINDS["float colours"]
    cut = data[: len(data) // 2]
    moved = cut[:4] + struct.pack("<I", 8) + cut[8:]
    for broken in (cut, moved):
        with pytest.raises(UnreadableFileError):
            inspect(broken)


def with_frame(marker: int, precision: int) -> bytes:
    """A JPEG that says it is of another coding process, or has other samples."""
    data = bytearray(encoded(gradient("L", (64, 64)), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 1], data[place + 4] = marker, precision
    return bytes(data)


@pytest.mark.parametrize(("marker", "precision"), [(0xC1, 12), (0xC3, 8), (0xC3, 16), (0xF7, 8)])
def test_a_jpeg_of_a_medical_kind_says_why_it_is_not_shown(marker: int, precision: int) -> None:
    """Twelve bits, lossless, JPEG-LS."""
    metadata, picture = inspect(with_frame(marker, precision))
    assert picture is None
    assert f"{precision} bits" in metadata["notShown"]


def test_a_photoshop_document_of_16_bits_says_why_it_is_not_shown() -> None:
    """One of 8 bits is shown."""
    metadata, picture = inspect(psd(16))
    assert (picture, "16 bits" in metadata["notShown"]) == (None, True)
    assert inspect(psd(8))[1] is not None
