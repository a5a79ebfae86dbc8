"""A sound image of a kind that cannot be shown is processed all the same, and says why it has no thumbnail."""

import struct

import pytest

from services.upload.inspection import UnreadableFileError
from tests.unit.services.upload.inspector.corpus import images
from tests.unit.services.upload.inspector.looks import brightness, encoded, gradient, inspect, look
from tests.unit.services.upload.inspector.pictures import (
    RAMP,
    fits,
    fits_without_data,
    psd,
    ramp,
    table_extension,
    tiff,
)

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


@pytest.mark.parametrize("fields", ["444", "888 reversed", "10 10 10"])
def test_a_bitmap_of_unusual_fields_says_why_it_is_not_shown(fields: str) -> None:
    """One that lacks its pixels is broken."""
    data = images()[f"BMP of fields {fields}"]
    metadata, picture = inspect(data)
    assert (picture, "compression 3" in metadata["notShown"]) == (None, True)
    with pytest.raises(UnreadableFileError):
        inspect(data[:-1000])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(fits(64, ramp("q", 0, 1000, order=">")), id="64 bits"),
        pytest.param(fits_without_data(), id="nothing"),
        pytest.param(fits_without_data() + table_extension(), id="a table"),
    ],
)
def test_a_sound_fits_file_without_a_picture_says_so(data: bytes) -> None:
    """Tables of stars are what many of them hold; their bytes are no picture."""
    metadata, picture = inspect(data)
    assert picture is None
    assert "FITS" in metadata["notShown"]


@pytest.mark.parametrize("data", [fits_without_data()[:200], fits()[:200], fits()[:500], fits()[:3000]])
def test_a_fits_file_that_is_cut_off_is_broken(data: bytes) -> None:
    """Nobody knows what would have followed."""
    with pytest.raises(UnreadableFileError):
        inspect(data)


def test_a_photoshop_document_of_32_bits_says_why_it_is_not_shown() -> None:
    """Those of 8 and 16 bits are shown."""
    metadata, picture = inspect(psd(32))
    assert (picture, "32 bits" in metadata["notShown"]) == (None, True)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_photoshop_document_is_shown_in_its_own_size(depth: int) -> None:
    """Decoded as bytes, one of 16 bits is twice as wide."""
    metadata, picture = look(psd(depth))
    assert (metadata["width"], metadata["height"], picture.size) == (*RAMP, RAMP)
    assert [brightness(picture, x) for x in (0, 0.5, 1)] == pytest.approx([0, 127, 255], abs=6)
