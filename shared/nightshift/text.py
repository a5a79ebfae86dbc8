"""Text for people and for strangers' systems: suggestions, sizes, and what must not reach a terminal or a database."""

import difflib
from collections.abc import Iterable

_DECIMAL = ("bytes", "KB", "MB", "GB", "TB", "PB")
_BINARY = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_TEN = 10


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known word that resembles `word` most, whatever the case of its letters; None if none does."""
    spelled = {one.lower(): one for one in known}
    matches = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=cutoff)
    return spelled[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` if a known word resembles `word`, else nothing."""
    match = closest(word, known)
    return "" if match is None else f"; did you mean {match}?"


def meant_or_all(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` if a known word resembles `word`, else `; there are: …` with all of them."""
    words = list(known)
    return did_you_mean(word, words) or f"; there are: {', '.join(words) or 'none'}"


def size(count: int, *, binary: bool = False, space: str = " ") -> str:
    """Format a number of bytes in the unit that leaves one to three digits: `3.4 MB`, or `3.2 MiB` where `binary`."""
    step, units = (1024, _BINARY) if binary else (1000, _DECIMAL)
    number, power = float(count), 0
    while abs(number) >= step - 0.5 and power < len(units) - 1:  # rounding would already write 1,000
        number, power = number / step, power + 1
    if power == 0:
        return f"{count:,}{space}{'byte' if abs(count) == 1 else 'bytes'}"
    return f"{number:.1f}{space}{units[power]}" if abs(number) < _TEN else f"{number:,.0f}{space}{units[power]}"


def escape_unprintable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with an escape (`\x1b`) for each character that would not show, or that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def escape_surrogates(text: str) -> str:
    r"""Return `text` as it can be encoded: bytes that were not UTF-8 (lone surrogates) become escapes (`\udcff`)."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def storable(text: str) -> str:
    """Return `text` as any database takes it: without NUL, and `?` for lone surrogates."""
    if text.isascii() and "\0" not in text:  # as most are
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
