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
from services.upload.inspect_main import answer
from services.upload.inspection import ImageLimits, Request

LIMITS = ImageLimits(thumbnail_pixels=32, max_image_pixels=100_000, memory_bytes=2**30, cpu_seconds=30)
TYPES = (*IMAGES, PDF)
BEGINNINGS = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/webp": b"RIFF\x40\x00\x00\x00WEBPVP8 ",
    "image/gif": b"GIF89a",
    "image/tiff": b"II*\x00\x08\x00\x00\x00",
    PDF: b"%PDF-1.4\n",
}


@functools.cache
def whole(media_type: str) -> bytes:
    """A sound file of the type."""
    if media_type == PDF:
        return Path("demo/samples/nightshift-guarantees.pdf").read_bytes()
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    exif[271] = "Maker"
    Image.effect_noise((40, 30), 90).convert("RGB").save(buffer, IMAGES[media_type], exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all examples."""
    return tmp_path_factory.mktemp("hostile")


def assert_answered(data: bytes, media_type: str, folder: Path) -> None:
    """An answer is findings or a reason, JSON, and short."""
    (folder / "source").write_bytes(data)
    said = answer(Request(folder / "source", media_type, folder, LIMITS))
    assert said.keys() <= {"metadata", "unreadable"}
    assert len(json.dumps(said)) < 4000


@pytest.mark.parametrize("media_type", TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=600))
def test_random_bytes_behind_a_signature_are_answered(media_type: str, tail: bytes, folder: Path) -> None:
    """Files that are of a type only in their first bytes."""
    assert_answered(BEGINNINGS[media_type] + tail, media_type, folder)


@pytest.mark.parametrize("media_type", TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_answered(media_type: str, data: st.DataObject, folder: Path) -> None:
    """Sound files with some bytes overwritten, removed or doubled."""
    content = bytearray(whole(media_type))
    for _ in range(data.draw(st.integers(1, 6), label="damages")):
        place = data.draw(st.integers(0, len(content) - 1), label="place")
        patch = data.draw(st.binary(max_size=8), label="patch")
        content[place : place + data.draw(st.integers(0, 8), label="removed")] = patch
        content = content or bytearray(b"\x00")
    assert_answered(bytes(content), media_type, folder)
