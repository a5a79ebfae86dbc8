"""What is found in an image, and the thumbnail of it."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.upload.file_type import IMAGES, sniff
from services.upload.images import look_into_image
from services.upload.inspection import ImageLimits, UnreadableFileError

LIMITS = ImageLimits(thumbnail_pixels=320, max_image_pixels=1_000_000, memory_bytes=2**30, cpu_seconds=30)


def gradient(mode: str, size: tuple[int, int] = (640, 400)) -> Image.Image:
    """A picture that is dark on the left and light on the right."""
    line = Image.linear_gradient("L").rotate(90)
    return line.resize(size).convert("RGB").convert(mode)


def look(data: bytes, folder: Path, limits: ImageLimits = LIMITS) -> tuple[dict[str, Any], Image.Image]:
    """Inspects bytes as the service would."""
    source = folder / "source"
    source.write_bytes(data)
    return look_into_image(source, sniff(data), limits)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """The image as a file of the format."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def brightness(picture: Image.Image, x: float) -> int:
    """The grey at a place between left (0) and right (1), at half height."""
    grey = picture.convert("RGB").convert("L")
    return grey.tobytes()[picture.height // 2 * picture.width + int(x * (picture.width - 1))]


@pytest.mark.parametrize("form", sorted(IMAGES.values()))
def test_each_format_is_recognised_measured_and_made_small(form: str, tmp_path: Path) -> None:
    """Format, dimensions, and a thumbnail whose longer side has the pixels that were asked for."""
    metadata, picture = look(encoded(gradient("RGB"), form), tmp_path)
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
def test_every_colour_mode_gives_the_same_picture(form: str, mode: str, tmp_path: Path) -> None:
    """Dark stays left and light stays right, whatever the file's way to say so."""
    image = gradient("RGB").convert("LAB") if mode == "LAB" else gradient(mode)
    _, picture = look(encoded(image, form), tmp_path)
    assert picture.mode in {"RGB", "RGBA"}
    assert brightness(picture, 0.02) < 40
    assert brightness(picture, 0.98) > 200
    if mode not in {"1", "LAB"}:
        assert 90 < brightness(picture, 0.5) < 165


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_greys_keep_their_meaning(form: str, tmp_path: Path) -> None:
    """A sample of 16 bits is scaled and not clipped, as Pillow's own conversion does."""
    line = struct.pack("<640H", *(x * 65535 // 639 for x in range(640)))
    image = Image.frombytes("I;16", (640, 400), line * 400)
    _, picture = look(encoded(image, form), tmp_path)
    assert brightness(picture, 0) < 10
    assert 118 < brightness(picture, 0.5) < 138
    assert brightness(picture, 1) > 245


def test_transparency_is_kept(tmp_path: Path) -> None:
    """A palette's transparent colour becomes an alpha channel."""
    image = Image.new("P", (50, 50), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    _, picture = look(encoded(image, "PNG", transparency=bytes([255, 0])), tmp_path)
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema() == (0, 0)


def test_a_small_image_is_not_blown_up(tmp_path: Path) -> None:
    """A thumbnail is never larger than its image."""
    _, picture = look(encoded(gradient("RGB", (40, 30)), "PNG"), tmp_path)
    assert picture.size == (40, 30)


def test_a_very_long_image_has_a_thumbnail(tmp_path: Path) -> None:
    """A side never shrinks to nothing."""
    _, picture = look(encoded(gradient("RGB", (10_000, 2)), "PNG"), tmp_path)
    assert picture.size == (320, 1)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_and_the_count_are_taken(form: str, tmp_path: Path) -> None:
    """The thumbnail shows frame one."""
    frames = [Image.new("RGB", (60, 60), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    metadata, picture = look(data, tmp_path)
    assert metadata["frames"] == 3
    assert picture.convert("RGB").getpixel((30, 30)) == pytest.approx((255, 0, 0), abs=3)


def test_the_pages_of_a_tiff_are_counted(tmp_path: Path) -> None:
    """A TIFF of several pages is told from a single picture."""
    page = gradient("L", (60, 60))
    metadata, _ = look(encoded(page, "TIFF", save_all=True, append_images=[page]), tmp_path)
    assert metadata["pages"] == 2


def test_a_photo_with_a_second_picture_inside_is_a_jpeg(tmp_path: Path) -> None:
    """Telephones append a preview (MPO); the file remains the one photo that it looks like."""
    photo = gradient("RGB")
    metadata, _ = look(encoded(photo, "MPO", save_all=True, append_images=[photo]), tmp_path)
    assert metadata["format"] == "JPEG"
    assert "frames" not in metadata


@pytest.mark.parametrize("form", sorted(IMAGES.values()))
def test_more_pixels_than_allowed_are_refused_undecoded(form: str, tmp_path: Path) -> None:
    """A decompression bomb: few bytes that stand for many pixels."""
    data = encoded(Image.new("L", (1200, 1000)), form)
    with pytest.raises(UnreadableFileError, match=r"more pixels than the 1,000,000 .*MAX_IMAGE_PIXELS"):
        look(data, tmp_path)


def test_the_pixel_limit_is_inclusive(tmp_path: Path) -> None:
    """Exactly as many pixels as allowed are decoded."""
    metadata, _ = look(encoded(Image.new("L", (1000, 1000)), "PNG"), tmp_path)
    assert metadata["width"] == 1000


@pytest.mark.parametrize("form", sorted(IMAGES.values()))
def test_the_beginning_of_an_image_is_not_taken_for_the_image(form: str, tmp_path: Path) -> None:
    """Cut off at half its length, a file is refused with a reason that names the format."""
    data = encoded(Image.effect_noise((300, 200), 80), form)
    with pytest.raises(UnreadableFileError, match=form):
        look(data[: len(data) // 2], tmp_path)


@pytest.mark.parametrize("form", sorted(IMAGES.values()))
def test_wherever_an_image_is_cut_off_it_is_read_or_refused(form: str, tmp_path: Path) -> None:
    """No length of a truncated file ends in anything but a result or a reason."""
    data = encoded(Image.effect_noise((60, 40), 80).convert("RGB"), form, exif=Image.Exif())
    for length in sorted({*range(12, 200, 7), *range(200, len(data), max(1, len(data) // 40))}):
        try:
            metadata, picture = look(data[:length], tmp_path)
        except UnreadableFileError as refusal:
            assert form in str(refusal)  # noqa: PT017 - either end is right, each has its rule
            continue
        assert (metadata["width"], metadata["height"]) == picture.size == (60, 40)


def test_what_follows_an_image_does_no_harm(tmp_path: Path) -> None:
    """A PNG with an archive behind it is that PNG."""
    metadata, _ = look(encoded(gradient("RGB"), "PNG") + b"PK\x03\x04" * 1000, tmp_path)
    assert metadata["format"] == "PNG"


def test_a_reason_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    """The file's owner reads it: no paths, no Python objects."""
    with pytest.raises(UnreadableFileError) as refusal:
        look(b"\xff\xd8\xff" + b"x" * 100, tmp_path)
    assert str(tmp_path) not in str(refusal.value)
    assert "<" not in str(refusal.value)
