"""Patterns of text fields, stated once for the decoder, the JSON Schema and the error message."""

import re
from functools import lru_cache
from typing import Any

import msgspec

_WORDS: dict[str, str] = {}
_NOTHING = "(?:)"
"""Matches nothing more, and makes a pattern a different text."""
_MARKS = {b"\xef\xbb\xbf": "begins with a byte order mark", b"\xff\xfe": "is UTF-16", b"\xfe\xff": "is UTF-16"}
_NAME = re.compile(rb'"([A-Za-z][A-Za-z0-9_]{0,60})"\s*:')
"""The name of a field; values are nobody's business in an error."""


def pattern(pattern: str, words: str, **meta: Any) -> msgspec.Meta:
    r"""Return the `Meta` of a text that must match `pattern`; errors name what is expected in these `words`.

    Patterns are searched, by Python's `re` here and as ECMAScript wherever the JSON Schema is used, so they must
    mean the same in both: begin with `^`, end with `END`, and use no `$`, `\s`, `\d`, `\w` or `.` outside a class.
    Two fields may say different words for one pattern.
    """
    own = pattern
    while _WORDS.setdefault(own, words) != words:
        own += _NOTHING
    return msgspec.Meta(pattern=own, **meta)


def pattern_or_list(pattern: str, **meta: Any) -> msgspec.Meta:
    """Return the `Meta` of a field that is such a text or a list: the pattern is in the JSON Schema only.

    msgspec 0.22 corrupts memory when the type of a field is a text with a pattern or else a list (set, dict):
    its decoder must not know of the pattern. The message calls `check` from `__post_init__` instead.
    """
    return msgspec.Meta(extra_json_schema={"pattern": pattern}, **meta)


def check(pattern: str, value: object, field: str) -> None:
    """Check a text against the pattern of a `pattern_or_list`; `field` is its name on the wire.

    Raises:
        ValueError: it does not match; worded as msgspec words it, which turns it into a `ValidationError`.
    """
    if isinstance(value, str) and _compiled(pattern).search(value) is None:
        raise ValueError(f"Expected {_WORDS[pattern]} - at `$.{field}`")


def as_written(pattern: str) -> str:
    """Return a pattern without what tells it from the same one with other words."""
    while pattern.endswith(_NOTHING):
        pattern = pattern.removesuffix(_NOTHING)
    return pattern


_compiled = lru_cache(maxsize=None)(re.compile)
"""`re` has a cache of its own, and takes longer to look into it than to search an address."""


def words_of(pattern: str) -> str:
    """Return the words for a pattern; empty if it has none."""
    return _WORDS.get(pattern, "")


END = r"(?![\s\S])"
r"""The end of the text in both dialects; Python's `$` also matches before a last line break."""

CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""The inside of a character class: control characters and everything that some program takes for a line break."""

ONE_LINE = rf"^[^{CONTROL}]*{END}"
ONE_LINE_WORDS = "one line of text without control characters"

_INSTANT = (
    r"^(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    rf"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]){END}"
)
# The schema states what the decoder accepts: most validators ignore `format`, which also allows leap seconds.
INSTANT = msgspec.Meta(tz=True, extra_json_schema={"pattern": _INSTANT})
"""An instant in RFC 3339 with its offset: `2026-03-29T01:00:00Z`."""


def explain(error: Exception, body: bytes | msgspec.Raw = b"") -> str:
    """Return the text of a decoding error, with words in place of the pattern; `body` is what could not be decoded."""
    if isinstance(error, RecursionError):
        return "nested too deeply"  # Python's own text differs by version
    if not isinstance(error, msgspec.ValidationError) and (wrong := encoding_error(bytes(body))):
        return wrong
    text = str(error)
    for pattern, words in _WORDS.items():
        text = text.replace(f"`str` matching regex {pattern!r}", words)
    return text


def encoding_error(body: bytes) -> str:
    """Return what is wrong with a body that is not UTF-8, and where; empty if it is."""
    for mark, what in _MARKS.items():
        if body.startswith(mark):
            return f"the body {what}, expected UTF-8 without one, as JSON is written"
    try:
        body.decode()
    except UnicodeDecodeError as error:
        names = _NAME.findall(body, 0, error.start)
        where = f", in `{names[-1].decode()}`" if names else ""
        return (
            f"the body is not UTF-8, as JSON is written (perhaps it is Latin-1): byte 0x{body[error.start]:02x} "
            f"at position {error.start}{where}"
        )
    return ""


def empty_body_error(kind: type[msgspec.Struct]) -> str:
    """Return the error for an empty body: what was expected."""
    needed = [f"`{field.encode_name}`" for field in msgspec.structs.fields(kind) if field.required]
    return f"the body is empty, expected a JSON object{' with ' if needed else ', at least `{}`'}{', '.join(needed)}"
