"""Greys of more than 8 bits look as they should: in either byte order and polarity, with gaps in the data."""

import math
import struct

import pytest
from PIL import Image

from tests.unit.services.upload.inspector.looks import alpha, brightness, encoded, look
from tests.unit.services.upload.inspector.pictures import RAMP, fits, packed_12_bits, ramp, tiff

LITTLE, BIG = "<", ">"


def assert_ramp(data: bytes, *, rising: bool = True) -> None:
    """Black on the left and white on the right, with the right grey in the middle."""
    _, picture = look(data)
    left, middle, right = (brightness(picture, x) for x in (0, 0.5, 1))
    assert [left, right] == pytest.approx([0, 255] if rising else [255, 0], abs=6)
    assert middle == pytest.approx(127, abs=8)


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    "samples",
    [
        ("H", 16, 1, 0, 65_535),
        ("h", 16, 2, -32_768, 32_767),
        ("I", 32, 1, 0, 2**32 - 1),
        ("i", 32, 2, -(2**31), 2**31 - 1),
        ("f", 32, 3, 0.0, 1.0),
        ("f", 32, 3, -1000.0, 8848.0),
        ("d", 64, 3, 0.0, 1.0),
    ],
)
def test_deep_greys_in_both_byte_orders_and_polarities(
    samples: tuple[str, int, int, float, float], photometric: int, order: str
) -> None:
    """White is the highest sample, or where the file says so the lowest."""
    form, bits, sample_format, low, high = samples
    data = tiff(
        ramp(form, low, high, order=order),
        order=order,
        bits=(bits,),
        photometric=photometric,
        sample_format=sample_format,
    )
    assert_ramp(data, rising=photometric == 1)


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("photometric", [0, 1])
def test_twelve_bits_fill_the_whole_range(photometric: int, order: str) -> None:
    """Microscopes pack two samples in three bytes; the brightest is white and not a sixteenth of it."""
    assert_ramp(tiff(packed_12_bits(), order=order, bits=(12,), photometric=photometric), rising=photometric == 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_shallow_greys_are_inverted_too_where_white_is_zero(bits: int) -> None:
    """A fax is black on white."""
    size = (64, 8)
    values = [x * (2**bits - 1) // 63 for x in range(64)]
    row = sum(value << bits * (63 - place) for place, value in enumerate(values)).to_bytes(8 * bits)
    _, picture = look(tiff(row * 8, size=size, bits=(bits,), photometric=0))
    assert (brightness(picture, 0), brightness(picture, 1)) == (255, 0)


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf, -3.4028234663852886e38])
def test_what_is_no_number_spoils_no_contrast(gap: float) -> None:
    """Sensors and maps leave such values where there is nothing: they are transparent, the rest looks as without."""
    pixels = bytearray(ramp("f", 100.0, 200.0))
    pixels[: 4 * 60 * 10] = struct.pack("<f", gap) * 600
    _, picture = look(tiff(bytes(pixels), bits=(32,), sample_format=3))
    assert picture.mode == "RGBA"
    assert alpha(picture, (30, 5)) == 0
    assert picture.getpixel((59, 30)) == pytest.approx((255, 255, 255, 255), abs=3)
    assert picture.getpixel((0, 30)) == pytest.approx((0, 0, 0, 255), abs=3)


@pytest.mark.parametrize(("form", "bits", "sample_format"), [("h", 16, 2), ("f", 32, 3), ("i", 32, 2)])
def test_samples_that_are_marked_as_missing_are_left_out(form: str, bits: int, sample_format: int) -> None:
    """GDAL names the value that stands for no data."""
    pixels = bytearray(ramp(form, 100, 200))
    width = struct.calcsize(form)
    pixels[: width * 60 * 10] = struct.pack(f"<{form}", -9999) * 600
    data = tiff(bytes(pixels), bits=(bits,), sample_format=sample_format, more={42113: (2, b"-9999\x00")})
    _, picture = look(data)
    assert alpha(picture, (30, 5)) == 0
    assert picture.getpixel((59, 30)) == pytest.approx((255, 255, 255, 255), abs=3)


def test_an_image_without_a_single_number_is_shown_as_nothing() -> None:
    """Everything is a gap: a transparent picture, and no failure."""
    _, picture = look(tiff(struct.pack("<f", math.nan) * 2400, bits=(32,), sample_format=3))
    assert picture.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e20])
def test_an_image_of_one_value_is_of_one_grey(value: float) -> None:
    """There is nothing to spread."""
    _, picture = look(tiff(struct.pack("<f", value) * 2400, bits=(32,), sample_format=3))
    assert picture.convert("L").getextrema()[0] == picture.convert("L").getextrema()[1]


def test_a_transparent_grey_of_a_png_is_transparent() -> None:
    """A PNG of 16 bits may name one of its greys."""
    image = Image.frombytes("I;16", RAMP, ramp("H", 0, 65_535))
    _, picture = look(encoded(image, "PNG", transparency=65_535))
    assert picture.getpixel((0, 0)) == pytest.approx((0, 0, 0, 255), abs=3)
    assert alpha(picture, (59, 0)) == 0


@pytest.mark.parametrize(
    ("bits", "form", "low", "high"), [(16, "h", -32_768, 32_767), (-32, "f", 0.0, 1e6), (32, "i", 0, 9000)]
)
def test_an_astronomers_image_is_spread_over_all_greys(bits: int, form: str, low: float, high: float) -> None:
    """FITS counts photons in signed numbers, or in floats."""
    assert_ramp(fits(bits, ramp(form, low, high, order=BIG)))


def test_a_portable_grey_map_of_16_bits_keeps_its_meaning() -> None:
    """Scientific cameras write it; its samples are big-endian."""
    assert_ramp(b"P5\n60 40\n65535\n" + ramp("H", 0, 65_535, order=BIG))


def test_a_portable_grey_map_may_have_any_maximum() -> None:
    """Cameras of 12 bits write 4095."""
    assert_ramp(b"P5\n60 40\n4095\n" + ramp("H", 0, 4095, order=BIG))


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("photometric", [0, 1])
def test_bytes_with_a_sign_are_spread_like_other_numbers_with_one(order: str, photometric: int) -> None:
    """Taken for bytes without a sign, black would be in the middle."""
    pixels = ramp("b", -128, 127, order=order)
    assert_ramp(tiff(pixels, order=order, sample_format=2, photometric=photometric), rising=photometric == 1)


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_samples_that_say_nothing_of_themselves_are_numbers(order: str) -> None:
    """As section 19 of TIFF 6.0 has it."""
    assert_ramp(tiff(ramp("B", 0, 255), order=order, sample_format=4))
    assert_ramp(tiff(ramp("H", 0, 65535, order=order), order=order, bits=(16,), sample_format=4))


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_colours_of_16_bits_in_planes_keep_their_places(order: str) -> None:
    """Each plane is a picture of its own in the file."""
    plane = ramp("H", 0, 65535, order=order)
    places = {284: (3, [2]), 273: (4, [8, 8 + len(plane), 8 + 2 * len(plane)]), 279: (4, [len(plane)] * 3)}
    assert_ramp(tiff(plane * 3, order=order, bits=(16,) * 3, photometric=2, more=places))


def test_numbers_that_an_astronomer_calls_blank_are_left_out() -> None:
    """`BLANK` marks what was not measured, in whole numbers."""
    row = struct.pack(f">{RAMP[0]}h", *[-32768 if x < 10 else 100 + x for x in range(RAMP[0])])
    _, picture = look(fits(16, row * RAMP[1], more=["BLANK   =               -32768"]))
    assert [alpha(picture, place) for place in ((0, 20), (59, 20))] == [0, 255]
    assert brightness(picture.crop((10, 0, *RAMP)), 0) < 20


def test_a_dark_portable_grey_map_of_16_bits_stays_dark() -> None:
    """Its header says what is white."""
    _, picture = look(b"P5 60 40 65535\n" + ramp("H", 0, 4000, order=">"))
    assert brightness(picture, 1) < 20
