"""Object keys: the texts that every S3 server keeps apart, byte by byte."""

import unicodedata

MAX_KEY_BYTES = 1024
"""The limit of S3."""

_NOT_TEXT = frozenset({"Cc", "Cs"})
"""Control characters, and lone surrogates, which UTF-8 cannot encode."""

_NOT_SEGMENTS = frozenset({"", ".", ".."})


def is_key(text: str) -> bool:
    """Return whether something can be stored under this text."""
    if not text.strip() or len(text.encode(errors="replace")) > MAX_KEY_BYTES:
        return False
    if any(unicodedata.category(character) in _NOT_TEXT for character in text):
        return False
    # Servers that keep objects in folders take `a//b`, `a/` and `a/./b` for other keys.
    return not _NOT_SEGMENTS.intersection(text.split("/"))


def check_key(text: str) -> None:
    """Refuse a text that cannot be a key.

    Raises:
        ValueError: says what a key is.
    """
    if not is_key(text):
        raise ValueError(
            f"{text[:100]!r} cannot be an object's key: 1 to {MAX_KEY_BYTES} bytes of text without control characters, "
            "or empty segments, '.' or '..' between slashes"
        )
