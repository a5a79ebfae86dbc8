"""What is found in a PDF, and the thumbnail of its first page."""

import hashlib
import io
from collections.abc import Callable, Sequence

import pytest

from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.inspector.pdf import look_into_pdf
from tests.unit.services.upload.inspector.looks import look as looked
from tests.unit.services.upload.inspector.pdfs import one_page, pdf

LIMITS = ImageLimits(thumbnail_pixels=320, max_image_pixels=1_000_000, memory_bytes=2**30, cpu_seconds=30)
PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
"""What stands for an empty password (ISO 32000-1 §7.6.3.3)."""


def document(sizes: Sequence[tuple[float, float]] = ((200, 400),), title: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF with a page of each size, red in its lower half."""
    kids = b" ".join(b"%d 0 R" % (10 + number) for number in range(len(sizes)))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(sizes)),
        3: b"<</Title %s>>" % (title or b"()"),
    }
    for number, (width, height) in enumerate(sizes):
        box = f"/MediaBox[0 0 {width} {height}]".encode()
        objects[10 + number] = b"<</Type/Page/Parent 2 0 R%s/Contents %d 0 R>>" % (box, 50 + number)
        drawing = f"1 0 0 rg 0 0 {width} {height / 2} re f".encode()
        objects[50 + number] = b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing)
    body = b"%PDF-1.4\n"
    offsets = {}
    for number, content in objects.items():
        offsets[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % item for item in offsets.items())
    closing = b"trailer<</Size 99/Root 1 0 R/Info 3 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (trailer, len(body))
    return body + b"xref\n0 1\n0000000000 65535 f \n" + table + closing


def locked(*, user_password: bool) -> bytes:
    """A document with a user password, or one that only forbids printing and opens without."""
    owner, permissions, identity = b"o" * 32, -4, b"i" * 16
    key = hashlib.md5(PADDING + owner + permissions.to_bytes(4, "little", signed=True) + identity).digest()[:5]  # noqa: S324 - the standard's
    user = b"u" * 32 if user_password else rc4(key, PADDING)
    return document(
        trailer=b"/ID[<%b><%b>]/Encrypt<</Filter/Standard/V 1/R 2/O<%b>/U<%b>/P %d>>"
        % (identity.hex().encode(), identity.hex().encode(), owner.hex().encode(), user.hex().encode(), permissions)
    )


def rc4(key: bytes, data: bytes) -> bytes:
    """The cipher of old PDFs."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def test_pages_and_title_are_read_and_page_one_is_drawn() -> None:
    """The thumbnail has the proportions of page one and shows what is on it."""
    source = io.BytesIO(document([(200, 400), (50, 50), (50, 50)], b"(What is promised)"))
    metadata, picture = look_into_pdf(source, LIMITS)
    assert metadata == {"kind": "pdf", "pages": 3, "encrypted": False, "title": "What is promised"}
    assert picture is not None
    assert picture.size == (160, 320)
    assert picture.getpixel((80, 80)) == (255, 255, 255)
    assert picture.getpixel((80, 240)) == (255, 0, 0)


def test_a_title_may_be_in_any_alphabet_and_is_cleaned() -> None:
    """UTF-16 with a line break in it becomes one line of text."""
    title = b"<%s>" % ("\ufeffNächte\n夜".encode("utf-16-be").hex().encode())
    metadata, _ = look_into_pdf(io.BytesIO(document(title=title)), LIMITS)
    assert metadata["title"] == "Nächte 夜"


def test_a_title_of_half_characters_does_no_harm() -> None:
    """A broken title is cleaned or left out."""
    metadata, _ = look_into_pdf(io.BytesIO(document(title=b"<FEFFD800D8000041>")), LIMITS)
    metadata.get("title", "").encode("utf-8")


def test_a_document_with_a_password_is_known_as_locked() -> None:
    """It is no broken file: nothing but that is known of it."""
    source = io.BytesIO(locked(user_password=True))
    assert look_into_pdf(source, LIMITS) == (
        {"kind": "pdf", "encrypted": True, "notShown": "it is locked with a password"},
        None,
    )


def test_a_document_that_opens_without_password_is_read_and_known_as_encrypted() -> None:
    """Encrypted to forbid printing, for instance."""
    metadata, picture = look_into_pdf(io.BytesIO(locked(user_password=False)), LIMITS)
    assert (metadata["encrypted"], metadata["pages"]) == (True, 1)
    assert picture is not None


@pytest.mark.parametrize("size", [(1_000_000, 1_000_000), (1, 100_000), (100_000, 1), (0.01, 0.01), (0, 0), (-5, 8)])
def test_a_page_of_any_size_costs_one_small_bitmap(size: tuple[float, float]) -> None:
    """Kilometres of paper, a dot, or nonsense: never more pixels than a thumbnail has."""
    _, picture = look_into_pdf(io.BytesIO(document([size])), LIMITS)
    assert picture is not None
    assert max(picture.size) <= 320


def test_a_broken_document_is_refused_with_a_reason() -> None:
    """What only begins like a PDF."""
    with pytest.raises(UnreadableFileError, match="PDF that is broken or cut off"):
        look_into_pdf(io.BytesIO(b"%PDF-1.7\n" + b"\xff" * 500), LIMITS)


def test_wherever_a_document_is_cut_off_it_is_read_or_refused() -> None:
    """PDFium repairs what it can; the rest has a reason."""
    data = document([(100, 100)])
    for length in range(5, len(data), 13):
        try:
            metadata, _ = look_into_pdf(io.BytesIO(data[:length]), LIMITS)
        except UnreadableFileError as refusal:
            assert "PDF" in str(refusal)  # noqa: PT017 - either end is right
            continue
        assert metadata["pages"] == 1


@pytest.mark.parametrize(
    "broken",
    [
        lambda whole: whole[: whole.index(b"trailer")],
        lambda whole: whole[: whole.index(b"xref")],
        lambda whole: whole.replace(b"trailer\n", b""),
        lambda whole: whole.replace(b"/Root 1 0 R", b""),
        lambda whole: whole.replace(b"/Root 1 0 R", b"/Root 9 0 R"),
        lambda whole: b"HTTP/1.1 200 OK\r\n\r\n" + whole[: whole.index(b"xref")].replace(b"\n", b"\r\n"),
    ],
    ids=["trailer cut off", "table cut off, too", "no keyword", "no root", "wrong root", "behind something else"],
)
def test_a_document_without_a_trailer_is_shown_as_damaged(broken: Callable[[bytes], bytes]) -> None:
    """Its catalogue says which pages it has, wherever that is."""
    metadata, picture = looked(broken(pdf(one_page())))
    assert metadata == {"kind": "pdf", "pages": 1, "encrypted": False, "damaged": True}
    assert picture.getpixel((80, 120)) == (255, 0, 0)


def test_a_document_without_a_catalogue_is_broken() -> None:
    """There is nothing to say which of its objects is a page."""
    with pytest.raises(UnreadableFileError, match="broken or cut off"):
        looked(pdf({**one_page(), 1: b"<</Pages 2 0 R>>"}).split(b"xref")[0])
