"""Decode a feed's bytes: by byte order mark, then the transport's charset, then the declaration, then UTF-8.

Sources: XML 1.0 appendix F, RFC 7303 §3, and the labels of the WHATWG Encoding Standard, by which `iso-8859-1` means
`windows-1252`, and each East Asian label its largest superset.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_BYTES = (
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0<\0"), "utf-16-be"),
    (re.compile(rb"<\0[^\0]\0"), "utf-16-le"),
)
"""How a document without a byte order mark begins in encodings that are no superset of ASCII."""
_EBCDIC = b"Lo\xa7\x94"
_DECLARATION = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']\s*([A-Za-z0-9._:+-]{1,40})""", re.IGNORECASE)
_HEAD = 1024
_WINDOWS = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
"""What bytes that are not valid UTF-8, as Python's `surrogateescape` shows them, mean in Windows-1252."""
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-8-sig": "utf-8",
}
_MULTIBYTE = re.compile(r"utf-|gb18030|hz|big5|cp9[345]\d|euc|iso2022|johab|shift")
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"})
"""Codecs of Python that are no encodings of documents, or (UTF-7) hide markup in ASCII."""


def decode(body: bytes, charset: str | None = None) -> str:
    """Decode a document; `charset` is what the transport said. Bytes that fit no encoding are replaced, never refused.

    A label of a single-byte encoding, for which any bytes are valid, does not count if the bytes are valid UTF-8.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _lenient(body[len(mark) :], name)
    for start, name in _FIRST_BYTES:
        if start.match(body):
            return _lenient(body, name)
    labels = [_codec(charset), _codec(_declared(body)), "utf-8"]
    if body.startswith(_EBCDIC):
        labels.insert(0, _codec(_declared(body.decode("cp037").encode("ascii", "replace"))) or "cp037")
    candidates = [label for label in labels if label is not None]
    if not _MULTIBYTE.match(candidates[0]) and not body.isascii() and _strict(body, "utf-8") is not None:
        candidates.insert(0, "utf-8")
    for name in candidates:
        text = _strict(body, name)
        if text is not None and "<" in text[:_HEAD]:
            return text
    return _lenient(body, "utf-8" if body.isascii() else candidates[0])


def _declared(body: bytes) -> str | None:
    found = _DECLARATION.search(body[:_HEAD])
    return None if found is None else found[1].decode("ascii")


def _codec(label: str | None) -> str | None:
    """Return the name of Python's codec for a label; None if it names no encoding of documents."""
    try:
        name = codecs.lookup((label or "").strip().removeprefix("x-")).name
        b"".decode(name)
    except (LookupError, ValueError):  # unknown, or a codec that is not for text
        return None
    return None if name in _REFUSED else _SUPERSETS.get(name, name)


def _strict(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeError, LookupError):
        return None


def _lenient(body: bytes, name: str) -> str:
    """Decode what is possible; single bytes that are not valid UTF-8 are taken for Windows-1252."""
    if name != "utf-8":
        return body.decode(name, "replace")
    return body.decode("utf-8", "surrogateescape").translate(_WINDOWS)
