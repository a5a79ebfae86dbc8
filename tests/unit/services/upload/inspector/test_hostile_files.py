"""Whatever is in a file, looking into it ends in findings or in a reason."""

import functools
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from services.upload.file_type import IMAGES, PDF
from services.upload.inspection import ImageLimits
from services.upload.inspector.__main__ import answer, decoder_of
from tests.unit.services.upload.inspector.pictures import fits, psd

LIMITS = ImageLimits(thumbnail_pixels=32, max_image_pixels=100_000, memory_bytes=2**30, cpu_seconds=30)
TYPES = (*IMAGES, PDF)
BEGINNINGS = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/webp": b"RIFF\x40\x00\x00\x00WEBPVP8 ",
    "image/gif": b"GIF89a",
    "image/tiff": b"II*\x00\x08\x00\x00\x00",
    "image/avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf",
    "image/bmp": b"BM\x00\x10\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    "image/jp2": b"\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00\x00\x14ftypjp2 ",
    "image/vnd.microsoft.icon": b"\x00\x00\x01\x00\x01\x00",
    "image/x-portable-bitmap": b"P4\n9 9\n",
    "image/x-portable-graymap": b"P5\n9 9\n255\n",
    "image/x-portable-pixmap": b"P6\n9 9\n65535\n",
    "image/vnd.adobe.photoshop": b"8BPS\x00\x01"
    + bytes(6)
    + b"\x00\x03\x00\x00\x00\x09\x00\x00\x00\x09\x00\x08\x00\x03",
    "image/fits": b"SIMPLE  =                    T",
    PDF: b"%PDF-1.4\n",
}


@functools.cache
def whole(media_type: str) -> bytes:
    """A sound file of the type."""
    if media_type == PDF:
        return Path("demo/samples/nightshift-guarantees.pdf").read_bytes()
    if IMAGES[media_type] in {"FITS", "PSD"}:  # Pillow makes none
        return fits() if IMAGES[media_type] == "FITS" else psd()
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    exif[271] = "Maker"
    Image.effect_noise((40, 30), 90).convert("RGB").save(buffer, IMAGES[media_type], exif=exif)
    return buffer.getvalue()


def assert_answered(data: bytes, media_type: str) -> None:
    """An answer is findings or a reason, JSON, and short."""
    line, _, thumbnail = answer(decoder_of(media_type), io.BytesIO(data), LIMITS).partition(b"\n")
    assert json.loads(line).keys() <= {"metadata", "unreadable"}
    assert len(line) < 4000
    assert thumbnail[8:12] in {b"", b"WEBP"}


@pytest.mark.parametrize("media_type", TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=600))
def test_random_bytes_behind_a_signature_are_answered(media_type: str, tail: bytes) -> None:
    """Files that are of a type only in their first bytes."""
    assert_answered(BEGINNINGS[media_type] + tail, media_type)


@pytest.mark.parametrize("media_type", TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_answered(media_type: str, data: st.DataObject) -> None:
    """Sound files with some bytes overwritten, removed or doubled."""
    content = bytearray(whole(media_type))
    for _ in range(data.draw(st.integers(1, 6), label="damages")):
        place = data.draw(st.integers(0, len(content) - 1), label="place")
        patch = data.draw(st.binary(max_size=8), label="patch")
        content[place : place + data.draw(st.integers(0, 8), label="removed")] = patch
        content = content or bytearray(b"\x00")
    assert_answered(bytes(content), media_type)
