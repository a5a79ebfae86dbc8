"""A file's type is what its bytes say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upload.file_type import HEAD_BYTES, UNKNOWN, sniff


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"II*\x00\x08\x00\x00\x00", "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (b"\x00\x00\x00\x18ftypheic\x00", "image/heic"),
        (b"\x00\x00\x00\x18ftypisom\x00", "video/mp4"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        ("Grüße aus der Nacht\n".encode(), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain"),
        (b"", UNKNOWN),
        (b"\x00\x01\x02\x03", UNKNOWN),
        (b"caf\xe9", UNKNOWN),
        (b"RIFF\x10\x00\x00\x00ABCD", UNKNOWN),
    ],
)
def test_the_first_bytes_say_the_type(head: bytes, media_type: str) -> None:
    """Each signature of the table, text, and what is neither."""
    assert sniff(head) == media_type


def test_a_file_that_is_two_things_is_what_it_begins_with() -> None:
    """A polyglot cannot choose its second face: only offset 0 counts."""
    assert sniff(b"GIF89a/*" + b"%PDF-1.7 PK\x03\x04") == "image/gif"
    assert sniff(b"\x00" * 8 + b"%PDF-1.7") == UNKNOWN


def test_text_that_is_cut_inside_a_character_is_text() -> None:
    """Only the head is looked at, and it may end inside a character of several bytes."""
    assert sniff(b"a" * (HEAD_BYTES - 1) + "é".encode()) == "text/plain"


@given(st.binary(max_size=2 * HEAD_BYTES))
def test_any_bytes_have_a_type(head: bytes) -> None:
    """Nothing that can be uploaded is without a type, and only the head decides."""
    assert "/" in sniff(head)
    assert sniff(head) == sniff(head[:HEAD_BYTES])
