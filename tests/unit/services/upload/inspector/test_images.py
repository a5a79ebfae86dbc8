"""What is found in an image, and the thumbnail of it."""

import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from services.upload.file_type import IMAGES, sniff
from services.upload.inspection import UnreadableFileError
from tests.unit.services.upload.inspector.looks import brightness, encoded, gradient, look

WRITABLE = sorted(set(IMAGES.values()) - {"FITS", "ICO", "PSD"})
"""The formats of which Pillow can make a file of any size."""


@pytest.mark.parametrize("form", WRITABLE)
def test_each_format_is_recognised_measured_and_made_small(form: str) -> None:
    """Format, dimensions, and a thumbnail whose longer side has the pixels that were asked for."""
    metadata, picture = look(encoded(gradient("RGB"), form))
    assert (metadata["kind"], metadata["format"]) == ("image", form)
    assert (metadata["width"], metadata["height"]) == (640, 400)
    assert picture.size == (320, 200)
    assert brightness(picture, 0) < 30
    assert brightness(picture, 1) > 225


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
        ("TIFF", "CMYK"),
        ("TIFF", "LAB"),
        ("TIFF", "F"),
        ("TIFF", "I"),
    ],
)
def test_every_colour_mode_gives_the_same_picture(form: str, mode: str) -> None:
    """Dark stays left and light stays right, whatever the file's way to say so."""
    image = gradient("RGB").convert("LAB") if mode == "LAB" else gradient(mode)
    _, picture = look(encoded(image, form))
    assert picture.mode in {"RGB", "RGBA"}
    assert brightness(picture, 0.02) < 40
    assert brightness(picture, 0.98) > 200
    if mode not in {"1", "LAB"}:
        assert 90 < brightness(picture, 0.5) < 165


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_greys_keep_their_meaning(form: str) -> None:
    """A sample of 16 bits is scaled and not clipped, as Pillow's own conversion does."""
    line = struct.pack("<640H", *(x * 65535 // 639 for x in range(640)))
    image = Image.frombytes("I;16", (640, 400), line * 400)
    _, picture = look(encoded(image, form))
    assert brightness(picture, 0) < 10
    assert 118 < brightness(picture, 0.5) < 138
    assert brightness(picture, 1) > 245


def test_a_cursor_is_shown_as_the_icon_that_it_is() -> None:
    """They differ in one byte, and in what two fields of an entry mean."""
    icon = encoded(gradient("RGBA", (64, 64)), "ICO", sizes=[(64, 64)])
    metadata, picture = look(icon[:2] + b"\x02" + icon[3:10] + b"\x05\x00\x07\x00" + icon[14:])
    assert (metadata["width"], metadata["height"]) == picture.size == (64, 64)
    assert brightness(picture, 0) < 30
    assert brightness(picture, 1) > 225


@pytest.mark.parametrize(
    ("chunks", "middle"),
    [
        ((), 127),
        ((b"gAMA", 45455), 127),
        ((b"gAMA", 100_000), 186),  # linear: half of the light
        ((b"gAMA", 0), 127),
        ((b"gAMA", 100_000, b"sRGB"), 127),
    ],
)
def test_a_png_is_as_bright_as_it_says(chunks: tuple[Any, ...], middle: int) -> None:
    """Its gamma counts as in browsers, unless it says that it is sRGB, or nonsense."""
    png = encoded(gradient("RGB"), "PNG")
    said = b""
    if chunks:
        said = _chunk(chunks[0], struct.pack(">I", chunks[1])) + b"".join(_chunk(name, b"\0") for name in chunks[2:])
    _, picture = look(png[:33] + said + png[33:])
    assert abs(brightness(picture, 0.5) - middle) < 8


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_transparency_is_kept() -> None:
    """A palette's transparent colour becomes an alpha channel."""
    image = Image.new("P", (50, 50), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    _, picture = look(encoded(image, "PNG", transparency=bytes([255, 0])))
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema() == (0, 0)


def test_a_small_image_is_not_blown_up() -> None:
    """A thumbnail is never larger than its image."""
    _, picture = look(encoded(gradient("RGB", (40, 30)), "PNG"))
    assert picture.size == (40, 30)


def test_a_very_long_image_has_a_thumbnail() -> None:
    """A side never shrinks to nothing."""
    _, picture = look(encoded(gradient("RGB", (10_000, 2)), "PNG"))
    assert picture.size == (320, 1)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_and_the_count_are_taken(form: str) -> None:
    """The thumbnail shows frame one."""
    frames = [Image.new("RGB", (60, 60), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    metadata, picture = look(data)
    assert metadata["frames"] == 3
    assert picture.convert("RGB").getpixel((30, 30)) == pytest.approx((255, 0, 0), abs=3)


def test_the_pages_of_a_tiff_are_counted() -> None:
    """A TIFF of several pages is told from a single picture."""
    page = gradient("L", (60, 60))
    metadata, _ = look(encoded(page, "TIFF", save_all=True, append_images=[page]))
    assert metadata["pages"] == 2


def test_a_photo_with_a_second_picture_inside_is_a_jpeg() -> None:
    """Telephones append a preview (MPO); the file remains the one photo that it looks like."""
    photo = gradient("RGB")
    metadata, _ = look(encoded(photo, "MPO", save_all=True, append_images=[photo]))
    assert metadata["format"] == "JPEG"
    assert "frames" not in metadata


@pytest.mark.parametrize("form", WRITABLE)
def test_more_pixels_than_allowed_are_refused_undecoded(form: str) -> None:
    """A decompression bomb: few bytes that stand for many pixels."""
    data = encoded(Image.new("L", (1200, 1000)), form)
    with pytest.raises(UnreadableFileError, match=r"more pixels than the 1,000,000 .*MAX_IMAGE_PIXELS"):
        look(data)


def test_the_pixel_limit_is_inclusive() -> None:
    """Exactly as many pixels as allowed are decoded."""
    metadata, _ = look(encoded(Image.new("L", (1000, 1000)), "PNG"))
    assert metadata["width"] == 1000


@pytest.mark.parametrize("form", WRITABLE)
def test_the_beginning_of_an_image_is_not_taken_for_the_image(form: str) -> None:
    """Cut off at half its length, a file is refused with a reason that names the format."""
    data = encoded(Image.effect_noise((300, 200), 80), form)
    with pytest.raises(UnreadableFileError, match=form):
        look(data[: len(data) // 2])


@pytest.mark.parametrize("form", WRITABLE)
def test_wherever_an_image_is_cut_off_it_is_read_or_refused(form: str) -> None:
    """No length of a truncated file ends in anything but a result or a reason."""
    data = encoded(Image.effect_noise((60, 40), 80).convert("RGB"), form, exif=Image.Exif())
    for length in sorted({*range(12, 200, 7), *range(200, len(data), max(1, len(data) // 40))}):
        if sniff(data[:length]) not in IMAGES:  # not enough of a header
            continue
        try:
            metadata, picture = look(data[:length])
        except UnreadableFileError as refusal:
            assert form in str(refusal)  # noqa: PT017 - either end is right, each has its rule
            continue
        assert (metadata["width"], metadata["height"]) == picture.size == (60, 40)


def test_what_follows_an_image_does_no_harm() -> None:
    """A PNG with an archive behind it is that PNG."""
    metadata, _ = look(encoded(gradient("RGB"), "PNG") + b"PK\x03\x04" * 1000)
    assert metadata["format"] == "PNG"


def test_a_reason_tells_nothing_of_this_machine() -> None:
    """The file's owner reads it: no paths, no Python objects."""
    with pytest.raises(UnreadableFileError) as refusal:
        look(b"\xff\xd8\xff" + b"x" * 100)
    assert "<" not in str(refusal.value)
