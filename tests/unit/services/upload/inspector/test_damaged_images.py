"""A damaged image that browsers show is shown and known as damaged; one that is mostly gone is broken."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import ExifTags, Image

from services.upload.inspection import UnreadableFileError
from tests.unit.services.upload.inspector.corpus import SIZE, images
from tests.unit.services.upload.inspector.looks import brightness, encoded, gradient, inspect, look
from tests.unit.services.upload.inspector.pictures import ramp, tiff

PHOTO = gradient("RGB", (800, 600))


@pytest.mark.parametrize("form", ["JPEG", "GIF", "PNG", "WEBP", "BMP", "PPM", "TIFF", "MPO"])
@pytest.mark.parametrize("missing", [2, 20])
def test_a_photo_whose_last_bytes_are_missing_is_shown(form: str, missing: int) -> None:
    """An upload that broke off at its very end."""
    metadata, picture = look(encoded(PHOTO, form)[:-missing])
    assert (metadata["width"], metadata["height"]) == (800, 600)
    assert metadata["damaged"] is True
    assert [brightness(picture, x) for x in (0.02, 0.98)] == pytest.approx([5, 250], abs=15)


@pytest.mark.parametrize("colour", ["black", "white", "red", "lime"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
def test_so_is_a_plain_one_of_any_colour(form: str, colour: str) -> None:
    """What is missing is not guessed from what is dark."""
    whole = encoded(Image.new("RGB", (800, 600), colour), form)
    metadata, _ = look(whole[:-2])
    assert metadata["damaged"] is True


def test_a_progressive_photo_is_shown_from_half_of_its_bytes() -> None:
    """All of it is there, less sharp."""
    data = encoded(PHOTO, "JPEG", progressive=True, quality=95)
    metadata, _ = look(data[: len(data) * 6 // 10])
    assert metadata["damaged"] is True


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "PPM", "TIFF"])
def test_a_photo_of_which_a_third_is_there_is_broken(form: str) -> None:
    """Its owner has to upload it again; nobody wants a picture that is mostly grey."""
    data = encoded(Image.effect_noise((400, 300), 80).convert("RGB"), form)
    with pytest.raises(UnreadableFileError, match="broken or cut off"):
        inspect(data[: len(data) // 3])


@pytest.mark.parametrize("form", ["JPEG", "GIF", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"])
def test_a_whole_photo_is_not_called_damaged(form: str) -> None:
    """The mark means something."""
    metadata, _ = look(encoded(PHOTO, form))
    assert "damaged" not in metadata


def test_a_wrong_checksum_of_a_remark_does_no_harm() -> None:
    """Browsers pass over it, and so does the thumbnail."""
    data = bytearray(encoded(PHOTO, "PNG", dpi=(72, 72)))
    data[data.index(b"pHYs") + 14] ^= 0xFF
    metadata, _ = look(bytes(data))
    assert metadata["damaged"] is True


@pytest.mark.parametrize("next_page", [0xFFFFFFF0, 4])
def test_the_first_page_is_shown_where_the_list_of_pages_breaks_off(next_page: int) -> None:
    """The offset of the second page leads nowhere, or to something that is none."""
    metadata, _ = look(tiff(ramp("B", 0, 255), next_page=next_page))
    assert (metadata["pages"], metadata["damaged"]) == (1, True)


def test_pages_that_follow_each_other_in_a_circle_are_counted_once() -> None:
    """The second page names itself as the next."""
    data = encoded(gradient("L", (60, 40)), "TIFF", save_all=True, append_images=[gradient("L", (60, 40))])
    first = struct.unpack_from("<I", data, 4)[0]
    link = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    second = struct.unpack_from("<I", data, link)[0]
    end = second + 2 + 12 * struct.unpack_from("<H", data, second)[0]
    circular = data[:end] + struct.pack("<I", second) + data[end + 4 :]
    metadata, _ = look(circular)
    assert (metadata["pages"], metadata["damaged"]) == (2, True)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A small sound PNG with more chunks before its pixels."""
    whole = encoded(gradient("RGB", (200, 100)), "PNG")
    place = whole.index(b"IDAT") - 4
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return whole[:place] + made + whole[place:]


LONG = zlib.compress(b"x" * (2 * 1024 * 1024))


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\x00\x00" + LONG),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + LONG),
        (b"iCCP", b"profile\x00\x00" + LONG),
        (b"tEXt", b"Comment\x00" + b"x" * (2 * 1024 * 1024)),
    ],
    ids=["zTXt", "iTXt", "iCCP", "tEXt"],
)
def test_a_long_text_or_profile_in_a_png_is_no_damage(chunk: tuple[bytes, bytes]) -> None:
    """Editors write megabytes of history into it; the picture is sound."""
    metadata, picture = look(png(chunk))
    assert "damaged" not in metadata
    assert picture.size == (200, 100)


def test_a_text_that_unpacks_to_hundreds_of_megabytes_does_not_keep_the_picture() -> None:
    """It is left out, or the file refused as a bomb, within bounded memory."""
    bomb = zlib.compress(bytes(80 * 1024 * 1024))
    try:
        _, picture = look(png((b"zTXt", b"Comment\x00\x00" + bomb)))
    except UnreadableFileError:
        return
    assert picture.size == (200, 100)


UPRIGHT = Image.Exif()
UPRIGHT[ExifTags.Base.Orientation] = 1


@pytest.mark.parametrize("size", [(100, 80), (320, 200), (321, 200), (1, 1)])
@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"exif": UPRIGHT}),
        ("TIFF", "RGB", {}),
        ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
        ("TIFF", "RGB", {"tiffinfo": {274: 6}}),
        ("TIFF", "CMYK", {}),
        ("WEBP", "RGBA", {}),
        ("AVIF", "RGB", {}),
        ("JPEG2000", "RGB", {}),
        ("BMP", "RGB", {}),
    ],
)
def test_a_picture_that_is_small_enough_already_is_shown(
    form: str, mode: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    """Nothing has to be shrunk, and it must be read all the same before its file is closed."""
    buffer = io.BytesIO(encoded(Image.new(mode, size, "red" if mode.startswith("RGB") else 0), form, **options))
    metadata, picture = look(buffer.getvalue())
    buffer.close()
    assert picture.tobytes()
    assert (metadata["width"], metadata["height"]) in {size, size[::-1]}


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}, {"save_all": True}])
@pytest.mark.parametrize("size", [0, 20, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, "two less", "two more"])
def test_a_webp_that_tells_a_wrong_size_is_shown_as_damaged(size: int | str, options: dict[str, Any]) -> None:
    """Its chunks say where it ends."""
    whole = encoded(PHOTO, "WEBP", **options)
    told = {"two less": len(whole) - 10, "two more": len(whole) - 6}.get(str(size), size)
    metadata, picture = look(whole[:4] + int(told).to_bytes(4, "little") + whole[8:])
    assert metadata["damaged"]
    assert list(picture.tobytes()) == pytest.approx(list(look(whole)[1].tobytes()), abs=2)


def test_a_webp_whose_picture_is_said_to_be_absurdly_long_is_broken() -> None:
    """The size of a chunk decides what belongs to it."""
    whole = encoded(PHOTO, "WEBP")
    with pytest.raises(UnreadableFileError, match="broken or cut off"):
        look(whole[:16] + b"\xff\xff\xff\xff" + whole[20:])


@pytest.mark.parametrize("name", [name for name in images() if name.startswith("PNG with a senseless")])
def test_a_senseless_remark_in_a_png_does_not_keep_the_picture(name: str) -> None:
    """Browsers pass over profiles, times and frames of an animation that make no sense."""
    metadata, picture = look(images()[name])
    assert picture.size == SIZE
    assert brightness(picture, 1) > 220
    assert "notShown" not in metadata
