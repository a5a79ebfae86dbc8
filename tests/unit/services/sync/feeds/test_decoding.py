"""Which encoding a feed has: mark, transport, declaration, UTF-8, in this order."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.feeds.decoding import decode


def document(title: str, encoding: str | None = None) -> str:
    """Return a document that declares an encoding, or none."""
    declared = "" if encoding is None else f' encoding="{encoding}"'
    return f'<?xml version="1.0"{declared}?><rss><channel><item><title>{title}</title></item></channel></rss>'


@pytest.mark.parametrize(
    ("label", "encoding", "title"),
    [
        ("utf8", "utf-8", "Zoë"),
        ("UTF8", "utf-8", "Zoë"),
        ("utf_8", "utf-8", "Zoë"),
        ("iso-8859-1", "iso-8859-1", "Zoë"),
        ("iso-8859-1", "windows-1252", "“Zoë”, 5 €"),
        ("us-ascii", "windows-1252", "“Zoë”"),
        ("iso-8859-15", "iso-8859-15", "5 €"),
        ("iso-8859-2", "iso-8859-2", "Łódź"),
        ("windows-1251", "windows-1251", "Привет"),
        ("koi8-r", "koi8-r", "Привет"),
        ("windows-1255", "windows-1255", "שלום"),
        ("tis-620", "cp874", "สวัสดี"),
        ("GB2312", "gb18030", "你好镕"),
        ("GBK", "gbk", "你好镕"),
        ("Big5", "big5", "你好"),
        ("Shift_JIS", "cp932", "こんにちは①"),
        ("x-sjis", "shift_jis", "こんにちは"),
        ("EUC-JP", "euc_jp", "こんにちは"),
        ("ISO-2022-JP", "iso2022_jp", "こんにちは"),
        ("EUC-KR", "cp949", "안녕하세요, 뷁"),
        ("ks_c_5601-1987", "euc_kr", "안녕하세요"),
        ("utf-16", "utf-16", "Zoë 你"),
    ],
)
def test_a_label_means_what_browsers_take_it_for(label: str, encoding: str, title: str) -> None:
    """In the declaration and in the header, in any spelling; each means its largest superset."""
    assert title in decode(document(title, label).encode(encoding))
    assert title in decode(document(title).encode(encoding), label)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_a_mark_or_the_first_bytes_tell_an_encoding(encoding: str) -> None:
    """Whatever header and declaration say (XML 1.0, appendix F)."""
    assert "Zoë 你" in decode(document("Zoë 你", "iso-8859-1").encode(encoding), "koi8-r")


def test_a_document_in_ebcdic_declares_its_encoding_in_ebcdic() -> None:
    """The declaration is read as such first."""
    assert "Zoë" in decode(document("Zoë", "cp500").encode("cp500"))


@pytest.mark.parametrize(
    ("body", "charset", "title"),
    [
        (document("Привет", "windows-1251").encode("koi8-r"), "koi8-r", "Привет"),
        (document("Zoë", "utf-8").encode("iso-8859-1"), "iso-8859-1", "Zoë"),
        (document("Zoë", "iso-8859-1").encode("utf-8"), "utf-8", "Zoë"),
        (document("你好", "big5").encode("gbk"), "gbk", "你好"),
    ],
)
def test_the_header_goes_before_the_declaration(body: bytes, charset: str, title: str) -> None:
    """RFC 7303 §3."""
    assert title in decode(body, charset)


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1251", "koi8-r"])
def test_valid_utf_8_is_not_taken_for_anything_with_one_byte_a_character(charset: str) -> None:
    """Servers add such a label to everything; by chance no text is valid UTF-8."""
    assert "Zoë — 你好" in decode(document("Zoë — 你好", "utf-8").encode(), charset)
    assert "Zoë — 你好" in decode(document("Zoë — 你好", charset).encode())


@pytest.mark.parametrize(
    "label", ["nonsense", "utf-16", "hex", "zlib", "idna", "unicode_escape", "utf-7", "", "?", "x" * 99]
)
def test_a_label_that_cannot_be_right_does_not_count(label: str) -> None:
    """Nobody knows it, it is not for text, hides markup, or makes no markup of these bytes."""
    assert "Zoë" in decode(document("Zoë").encode(), label)
    assert "Zoë" in decode(document("Zoë", label or "-").encode())


def test_one_wrong_byte_does_not_change_the_encoding_of_the_others() -> None:
    """In UTF-8 it is most often one of Windows-1252, pasted from a word processor."""
    body = document("Zoë and 'Ada").encode().replace(b"'", b"\x92")
    assert "Zoë and \u2019Ada" in decode(body)
    assert "Zoë and \u2019Ada" in decode(codecs.BOM_UTF8 + body)
    assert "Zoë and \u2019Ada" in decode(document("Zoë and \u2019Ada").encode("windows-1252"))


@given(
    st.binary()
    | st.sampled_from([codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, b"Lo\xa7\x94", b"<\0?\0"]).flatmap(
        lambda start: st.binary().map(lambda rest: start + rest)
    ),
    st.none() | st.sampled_from(["utf-16", "hz", "gbk", "cp037", "utf-7", "iso2022_jp_2", "punycode"]) | st.text(),
)
def test_any_bytes_are_text(body: bytes, charset: str | None) -> None:
    """Nothing is refused, and nothing has half a character."""
    decode(body, charset).encode()
