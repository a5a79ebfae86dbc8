"""Forms and signatures are shown as every viewer shows them, and documents with small faults are shown at all."""

import pytest

from tests.unit.services.upload.inspector.corpus import documents
from tests.unit.services.upload.inspector.looks import inspect, look
from tests.unit.services.upload.inspector.pdfs import form, one_page, pdf

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
IN_THE_BOX, IN_THE_FIELD = (80, 120), (240, 40)
"""Places on the thumbnail of a page of 200 by 100 points: in what the page paints, and in what its form field does."""


@pytest.mark.parametrize("kind", [b"/FT/Tx", b"/FT/Sig", b"/FT/Btn/Ff 65536", b"/FT/Ch"])
def test_what_is_filled_in_or_signed_is_shown(kind: bytes) -> None:
    """A text, a signature, a button, a choice."""
    _, picture = look(pdf(form(kind, 132 if kind == b"/FT/Sig" else 4)))
    assert (picture.getpixel(IN_THE_BOX), picture.getpixel(IN_THE_FIELD)) == (RED, BLUE)


@pytest.mark.parametrize("catalogue", [b"", b"/AcroForm<</Fields[]>>", b"/AcroForm<</Fields[]/SigFlags 3>>"])
def test_so_are_fields_that_the_document_does_not_list(catalogue: bytes) -> None:
    """Programs that stamp a signature on a page forget to."""
    document = form()
    document[1] = b"<</Type/Catalog/Pages 2 0 R%s>>" % catalogue
    assert look(pdf(document))[1].getpixel(IN_THE_FIELD) == BLUE


@pytest.mark.parametrize("flags", [2, 32])
def test_a_hidden_field_stays_hidden(flags: int) -> None:
    """Hidden, or not for the screen."""
    assert look(pdf(form(flags=flags)))[1].getpixel(IN_THE_FIELD) == WHITE


CERTIFICATE = (
    b"/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/Length 128/CF<</DefaultCryptFilter"
    b"<</CFM/AESV2/Recipients[<00>]>>>>/StmF/DefaultCryptFilter/StrF/DefaultCryptFilter"
)


@pytest.mark.parametrize(
    "entries",
    [
        CERTIFICATE,
        b"/Filter/FOPN_fLock/V 1",
        b"/Filter/EBX_HANDLER/V 1",
    ],
)
def test_a_document_that_is_locked_with_a_certificate_is_known_as_locked(entries: bytes) -> None:
    """Like one with a password: it is sound, and nothing of it can be shown."""
    metadata, picture = inspect(pdf(one_page(), trailer=b"/Encrypt<<%s>>" % entries))
    assert (metadata["encrypted"], picture) == (True, None)
    assert "certificate" in metadata["notShown"]


PREFIXES = {
    "blank lines": b"\n\n  \n",
    "a byte order mark": b"\xef\xbb\xbf",
    "the head of a web answer": b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
    "a remark of PHP": b"<br />\n<b>Warning</b>: something in <b>x.php</b> on line <b>7</b><br />\n",
    "a printer's job": b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE=PDF\r\n",
    "binary junk": bytes(128),
    "nearly a kilobyte": b"x" * 1000 + b"\n",
}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_document_may_stand_behind_something_else(prefix: str) -> None:
    """Readers look for its header within the first kilobyte."""
    _, picture = look(pdf(one_page(), prefix=PREFIXES[prefix]))
    assert picture.getpixel(IN_THE_BOX) == RED


def changed(number: int, old: bytes, new: bytes) -> bytes:
    """A document of one page, one of its objects changed."""
    objects = one_page()
    objects[number] = objects[number].replace(old, new)
    return pdf(objects)


FAULTS = {
    "no count": changed(2, b"/Count 1", b""),
    "a count of nothing": changed(2, b"/Count 1", b"/Count 0"),
    "a negative count": changed(2, b"/Count 1", b"/Count -1"),
    "a count of more": changed(2, b"/Count 1", b"/Count 99"),
    "pages in a circle": changed(2, b"[3 0 R]/Count 1", b"[2 0 R 3 0 R]/Count 2"),
    "pages of no type": changed(2, b"/Type/Pages", b""),
    "a page of no type": changed(3, b"/Type/Page", b""),
    "a page without parent": changed(3, b"/Parent 2 0 R", b""),
    "a page for the tree": changed(1, b"/Pages 2 0 R", b"/Pages 3 0 R"),
    "a catalogue of no type": changed(1, b"/Type/Catalog", b""),
    "a box from right to left": changed(3, b"[0 0 200 100]", b"[200 100 0 0]"),
    "a crop box only": changed(3, b"/MediaBox", b"/CropBox"),
    "cropped to nothing": changed(3, b"/MediaBox[0 0 200 100]", b"/MediaBox[0 0 200 100]/CropBox[500 500 600 600]"),
    "cropped to its edge": changed(3, b"/MediaBox[0 0 200 100]", b"/MediaBox[0 0 200 100]/CropBox[200 0 300 100]"),
    "a wrong table": pdf(one_page()).replace(b"startxref\n", b"startxref\n9"),
    "line ends of Windows": pdf(one_page()).replace(b"\n", b"\r\n"),
    "junk behind": pdf(one_page()) + b"junk" * 500,
    "zeros behind": pdf(one_page()) + bytes(5000),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_document_with_a_small_fault_is_shown(fault: str) -> None:
    """As other viewers show it."""
    metadata, picture = look(FAULTS[fault])
    assert picture.getpixel(IN_THE_BOX) == RED
    assert metadata["pages"] >= 1


@pytest.mark.parametrize("box", [b"", b"/MediaBox[0 0 0 0]", b"/MediaBox[]", b"/MediaBox 7"])
def test_a_page_without_a_box_is_a_letter(box: bytes) -> None:
    """612 by 792 points, as every reader takes it."""
    _, picture = look(changed(3, b"/MediaBox[0 0 200 100]", box))
    assert picture.size in {(247, 320), (248, 320)}
    assert picture.getpixel((20, 310)) == RED


def test_where_the_first_page_is_missing_the_next_is_shown() -> None:
    """The document is known as damaged."""
    metadata, picture = look(changed(2, b"[3 0 R]/Count 1", b"[9 0 R 3 0 R]/Count 2"))
    assert picture.getpixel(IN_THE_BOX) == RED
    assert metadata["damaged"] is True


def test_a_document_whose_end_is_missing_is_known_as_damaged() -> None:
    """Its last line is gone."""
    assert look(pdf(one_page()).replace(b"%%EOF\n", b""))[0]["damaged"] is True
    assert "damaged" not in look(pdf(one_page()))[0]


@pytest.mark.parametrize(
    "name",
    [
        "without a header", "with another comment as header", "with a header in lower case",
        "with a header of PostScript", "kids missing", "kids null", "kids no list", "nested beyond reason",
    ],
)  # fmt: skip
def test_a_document_without_a_header_or_a_list_of_its_pages_is_shown_as_damaged(name: str) -> None:
    """Other viewers find its objects by themselves."""
    metadata, picture = look(documents()[name])
    assert metadata["damaged"] is True
    assert picture.getpixel((40, 120)) == RED
