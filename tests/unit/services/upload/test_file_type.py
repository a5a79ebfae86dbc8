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
        (b"P4\n120 80\n" + b"\xff" * 99, "image/x-portable-bitmap"),
        (b"P5\n# one\n120 80\n# another\n255\n" + bytes(99), "image/x-portable-graymap"),
        (b"1 0 obj\n<</Type/Catalog>>\nendobj\n", "application/pdf"),
        (b"%!PS-Adobe-3.0 PDF-1.4\n1 0 obj\n", "application/pdf"),
        (b"GIF87a\x3c\x00\x28\x00\x80", "image/gif"),
        (b"GIF89a\x3c\x00\x28\x00\x80", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"II*\x00\x08\x00\x00\x00", "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
        (b"MM\x00+\x00\x08\x00\x00", "image/tiff"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "image/x-canon-cr2"),
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00" + bytes(8), "image/bmp"),
        (b"\x00\x00\x01\x00\x01\x00\x10\x10\x00\x00\x01\x00\x20\x00\x68\x04\x00\x00\x16\x00\x00\x00",
         "image/vnd.microsoft.icon"),
        (b"8BPS\x00\x01" + bytes(20), "image/vnd.adobe.photoshop"),
        (b"P6\n# a remark\n60 40\n255\n\x00\x01\x02", "image/x-portable-pixmap"),
        (b"P2\n2 2\n255\n0 50\n100 255\n", "image/x-portable-graymap"),
        (b"P5\n60 40\n255\n" + b"UUUU" * 600, "image/x-portable-graymap"),
        (b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH 3\nMAXVAL 255\nENDHDR\n\xff\x00", "image/x-portable-arbitrarymap"),
        (b"Pf\n60 40\n-1.0\n\x00\x00\x80\x3f", "image/x-portable-floatmap"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n", "image/vnd.radiance"),
        (b"icns\x00\x00\x10\x00ic07\x00\x00\x0f\xf8", "image/icns"),
        (b"\x76\x2f\x31\x01\x02\x00\x00\x00", "image/x-exr"),
        (b"qoif\x00\x00\x00\x04\x00\x00\x00\x04\x03\x00", "image/x-qoi"),
        (b"\x0a\x05\x01\x08" + bytes(60) + b"\x00\x03", "image/vnd.zbrush.pcx"),
        (b"gimp xcf v011\x00", "image/x-xcf"),
        (b"\xc5\xd0\xd3\xc6\x20\x00\x00\x00" + bytes(24) + b"%!PS-Adobe-3.0", "application/postscript"),
        (b"\x00asm\x01\x00\x00\x00", "application/wasm"),
        (b"PAR1\x15\x04\x15", "application/vnd.apache.parquet"),
        (b"PK\x03\x04" + bytes(26) + b"doc.kml<kml/>", "application/vnd.google-earth.kmz"),
        (b"SIMPLE  =                    T / standard", "image/fits"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"%PDF-\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>", "application/pdf"),
        (b"\n\n%PDF-1.7\n1 0 obj\n<<>>", "application/pdf"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (b"PK\x03\x04" + bytes(22) + b"\x08\x00\x00\x00mimetypeapplication/epub+zipPK", "application/epub+zip"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + b"PK\x03\x04" + bytes(26) + b"word/document.xml",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "application/x-ole-storage"),
        (b"{\\rtf1\\ansi", "application/rtf"),
        (b"\x00\x00\x00\x18ftypheic\x00", "image/heic"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "image/heic"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom\x00", "video/mp4"),
        (b"\x00\x00\x00\x18ftyp3gp5\x00", "video/3gpp"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x82\x88matroska", "video/x-matroska"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04\x00\x00\x00\x00\x0f\x76", "audio/mpeg"),
        ((b"\xff\xfb\x90\x00" + bytes(413)) * 2, "audio/mpeg"),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg"),
        (b"fLaC\x00\x00\x00\x22\x10\x00", "audio/flac"),
        (b"\x7fELF\x02\x01\x01\x00", "application/x-executable"),
        ("Grüße aus der Nacht\n".encode(), "text/plain"),
        ("Grüße aus der Nacht\n".encode("cp1252"), "text/plain"),
        ("Tabelle\tWert\r\n".encode("utf-16"), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain"),
        (b"", UNKNOWN),
        (b"\x00\x01\x02\x03", UNKNOWN),
        (b"RIFF\x10\x00\x00\x00ABCD", UNKNOWN),
    ],
)  # fmt: skip
def test_the_first_bytes_say_the_type(head: bytes, media_type: str) -> None:
    """Each signature of the table, text, and what is neither."""
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    "text",
    [
        b"BMI;weight\n21.4;70\n",
        b"ID3 tags explained",
        b"P4 10 20 are three words",
        b"1 0 obj is how the first object of a PDF begins",
        b"GIF89a is a format of 1989",
        b"II* is how some files begin",
        b"MM drawings of the house",
        b"%PDF- is how a PDF begins",
        b"A PDF begins with %PDF-1.4 in its first line.\n",
        b"OggS pages carry packets",
        b"fLaC is the mark of a FLAC file",
        b"RIFF chunks: WEBP, WAVE",
        b"PK is for Phil Katz",
        b"P1 100 200 is the first postcode",
        b"P6 12 34",
        b"8BPS stands for 8 bits per sample",
        b"7z archives",
        b"BZh91AY&SYnopsis",
        b"MZ, the executable",
        b"FORM to be filled in",
        b"SIMPLE  = easy",
        b"P5 60 40 people",
        b"#?RADIANCE of the sun",
        b"icns are icons",
        b"PAR1 is a course",
    ],
)
def test_a_text_that_begins_like_something_else_is_a_text(text: bytes) -> None:
    """A few magic letters are not enough: a header has more than those."""
    assert sniff(text) == "text/plain"


@pytest.mark.parametrize(
    "data",
    [
        b"BM" + bytes(24),
        b"BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x11\x00\x00\x00" + bytes(8),
        b"ID3\xff\xff\x00",
        b"OggX\x00",
        b"fLaC\x01\x02\x03\x04",
        b"\x00\x00\x01\x00\x00\x00" + bytes(20),
        b"\x00\x00\x00\x08ftyp",
        b"\xff\xfb\x90\x00" + bytes(600),
    ],
)
def test_a_header_that_cannot_be_one_is_not_taken_for_it(data: bytes) -> None:
    """Binary data that has the first letters by chance."""
    assert sniff(data) == UNKNOWN


def test_a_file_that_is_two_things_is_what_it_begins_with() -> None:
    """A polyglot cannot choose its second face: what is known at its beginning counts."""
    document = b"%PDF-1.7\n1 0 obj\n<<>>"
    assert sniff(b"GIF89a\x01\x00\x01\x00/*" + document) == "image/gif"
    assert sniff(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + document) == "image/jpeg"
    assert sniff(b"PK\x03\x04\x14\x00" + document) == "application/zip"
    assert sniff(b"\x00" * 8 + b"%PDF-1.7") == UNKNOWN


def test_text_that_is_cut_inside_a_character_is_text() -> None:
    """Only the head is looked at, and it may end inside a character of several bytes."""
    assert sniff(b"a" * (HEAD_BYTES - 1) + "é".encode()) == "text/plain"


@given(st.binary(max_size=2 * HEAD_BYTES))
def test_any_bytes_have_a_type(head: bytes) -> None:
    """Nothing that can be uploaded is without a type, and only the head decides."""
    assert "/" in sniff(head)
    assert sniff(head) == sniff(head[:HEAD_BYTES])
