"""Translate our patterns into the common part of ECMAScript, RE2 (Go) and PCRE2, for the published schemas."""

import re
from collections.abc import Iterator

from nightshift.contract.constraints import END

_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?[=!]|\(|\)|.", re.DOTALL)
_LOOKAHEADS = ("(?=", "(?!")


def portable(pattern: str) -> str:
    r"""Return a pattern that takes at least what this one takes, in the common part of the three dialects.

    The end becomes `$`, which is the very end in ECMAScript and RE2; lookaheads, which RE2 lacks, are left out; and
    `\u2028`, which RE2 and PCRE2 lack, becomes the character itself.
    """
    body, end = (pattern.removesuffix(END), "$") if pattern.endswith(END) else (pattern, "")
    text = "".join(_without_lookaheads(body)) + end
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def loses(pattern: str) -> bool:
    """Return whether the portable form takes more than the pattern does."""
    return any(token in _LOOKAHEADS for token in _TOKEN.findall(pattern.removesuffix(END)))


def _without_lookaheads(pattern: str) -> Iterator[str]:
    depth = 0
    for part in _TOKEN.findall(pattern):
        if depth or part in _LOOKAHEADS:
            depth += part.startswith("(") - part.startswith(")")
        else:
            yield part
