"""Builds HTML and SVG from elements, so that a text can never become markup: all but `Markup` is escaped."""

import html
from collections.abc import Iterable
from typing import TypeAlias

Content: TypeAlias = "str | Iterable[Content]"
"""A text, or pieces one behind the other, in as many layers as there are."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = frozenset({"meta", "br", "hr", "rect", "line", "path", "polygon", "polyline"})
"""Elements that have no content; those of SVG are closed, which HTML allows there."""


def text(value: str) -> Markup:
    """Escapes a text; characters that HTML forbids become the replacement character."""
    if isinstance(value, Markup):
        return value
    allowed = "".join(character if _allowed(character) else "\N{REPLACEMENT CHARACTER}" for character in value)
    return Markup(html.escape(allowed, quote=True))


def element(name: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """One element with its content; attributes of None are left out.

    An underscore in an attribute's name is a hyphen, one at its end none: `class_`, `aria_label`, `stroke_width`.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def join(content: Iterable[Content]) -> Markup:
    """Puts pieces one behind the other, texts escaped."""
    return Markup("".join(text(piece) if isinstance(piece, str) else join(piece) for piece in content))


def _allowed(character: str) -> bool:
    code = ord(character)
    return character in "\t\n\r" or (code >= 0x20 and not 0x7F <= code <= 0x9F and not 0xD800 <= code <= 0xDFFF)  # noqa: PLR2004 - the control characters and surrogates of Unicode
