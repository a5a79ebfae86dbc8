"""A thumbnail stands upright, however the camera was held."""

import io

import pytest
from PIL import ExifTags, Image

from services.upload.inspection import ImageLimits
from services.upload.inspector.thumbnails import encoded
from tests.unit.services.upload.inspector.looks import look

LIMITS = ImageLimits(thumbnail_pixels=64, max_image_pixels=1_000_000, memory_bytes=2**30, cpu_seconds=30)
COLOURS = {(0, 0): (255, 0, 0), (1, 0): (0, 255, 0), (0, 1): (0, 0, 255), (1, 1): (255, 255, 255)}
# How a camera stores an upright picture, by the orientation that it notes: the inverse of what a viewer does.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright() -> Image.Image:
    """Four coloured quarters, wider than high."""
    image = Image.new("RGB", (320, 240))
    for (x, y), colour in COLOURS.items():
        image.paste(colour, (x * 160, y * 120, x * 160 + 160, y * 120 + 120))
    return image


def photo(form: str, orientation: int, *, location: bool = False) -> bytes:
    """The upright picture as a camera stores it that was held in some way."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    if location:
        exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (51.0, 28.0, 40.0)}
        exif.load(exif.tobytes())  # Pillow's TIFF encoder takes nested tags only of EXIF data that was read
    method = STORED.get(orientation)
    stored = upright() if method is None else upright().transpose(method)
    buffer = io.BytesIO()
    stored.save(buffer, form, exif=exif, comment=b"shot at home")
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_applied_once(form: str, orientation: int) -> None:
    """All eight, in each format that can say them: sizes and corners are those of the upright picture."""
    metadata, picture = look(photo(form, orientation), LIMITS)
    assert metadata["orientation"] == orientation
    assert (metadata["width"], metadata["height"]) == (320, 240)
    assert picture.size == (64, 48)
    for (x, y), colour in COLOURS.items():
        assert picture.getpixel((16 + 32 * x, 12 + 24 * y)) == pytest.approx(colour, abs=12)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation: int) -> None:
    """A camera's nonsense does not spoil its picture."""
    metadata, picture = look(photo("JPEG", orientation), LIMITS)
    assert metadata["orientation"] == 1
    assert picture.size == (64, 48)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_thumbnail_is_pixels_and_nothing_else(form: str) -> None:
    """No EXIF data, no location, no comment goes into it; that there was a location is known."""
    metadata, picture = look(photo(form, 6, location=True), LIMITS)
    assert metadata["hasLocation"] is True
    thumbnail = encoded(picture)
    with Image.open(io.BytesIO(thumbnail)) as saved:
        assert (saved.format, saved.size) == ("WEBP", (64, 48))
        assert not saved.getexif()
    assert b"EXIF" not in thumbnail
    assert b"home" not in thumbnail


def test_the_same_picture_gives_the_same_bytes() -> None:
    """A repeated delivery stores the same thumbnail under the same key."""
    one, two = (encoded(look(photo("JPEG", 6), LIMITS)[1]) for _ in range(2))
    assert one == two
