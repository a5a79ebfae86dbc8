"""Derive the plain-text alternative of a mail from its HTML."""

import html
import re
from collections.abc import Iterator

# One pass from left to right, like the HTML standard's tokenizer: an unclosed tag reaches to the end. So the time is
# proportional to the length for any input; html.parser takes quadratic time on some, in those versions of Python that
# get only security fixes.
_QUOTE_OR_END = re.compile(r"""=[ \t\r\n\f]*(["'])|>""")
_TAG_NAME = re.compile(r"/?[A-Za-z][^\s/>]*")
_HREF = re.compile(r"""\bhref[ \t]{0,9}=[ \t]{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)

_SILENT = frozenset({"script", "style", "title", "template"})
"""Elements whose content is not shown."""
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3", "h4"}
    | {"h5", "h6", "header", "hr", "main", "ol", "p", "pre", "section", "table", "tr", "ul"}
)
_SPACED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"})
"""Blocks with an empty line around them."""

_BLANKS = re.compile(r"[ \t\r\n\f]+")
_LINE_EDGES = re.compile(r" *\n *")
_LINE, _PARAGRAPH = 1, 2
"""Minimum line breaks around a block; neighbouring blocks share them."""
_BREAK = 0
"""A line break that adds to those before it."""
_BULLET = "- "


def plain_text(document: str) -> str:
    """Return the text as a person would read it: paragraphs separated by empty lines, links followed by their address.

    Never empty; takes time proportional to the length of the document.
    """
    shown: list[str] = []
    gap = breaks = 0
    for piece in _pieces(document):
        if piece == _BREAK:
            breaks += 1
        elif isinstance(piece, int):
            gap = max(gap, piece)
        elif not piece.isspace():
            if shown and shown[-1] != _BULLET:
                shown.append("\n" * min(max(gap, breaks), _PARAGRAPH))
            shown.append(piece)
            gap = breaks = 0
        elif not (gap or breaks):
            shown.append(piece)
    return _LINE_EDGES.sub("\n", re.sub(" {2,}", " ", "".join(shown))).strip() + "\n"


def _pieces(document: str) -> Iterator[str | int]:
    links: list[str] = []
    for kind, value in _tokens(document):
        name = kind.removeprefix("/")
        if kind == "text":
            yield html.unescape(_BLANKS.sub(" ", value))
        elif name == "a":
            yield from _link(kind, value, links)
        elif kind == "br":
            yield _BREAK
        elif kind == "li":
            yield from (_LINE, _BULLET)
        elif kind in {"td", "th"}:
            yield " "
        elif name in _BLOCKS:
            yield _PARAGRAPH if name in _SPACED else _LINE


def _link(kind: str, attributes: str, links: list[str]) -> Iterator[str]:
    if kind == "a":
        found = _HREF.search(attributes)
        links.append(html.unescape(next((part for part in found.groups() if part), "")) if found else "")
    elif links and (target := links.pop()).startswith(("https:", "http:", "mailto:")):
        yield f" <{_BLANKS.sub('', target)}>"


def _tokens(document: str) -> Iterator[tuple[str, str]]:
    """Yield ("text", text) and (tag name, attributes), an end tag's name with a slash before it."""
    position, end = 0, len(document)
    while position < end:
        opening = document.find("<", position)
        if opening < 0:
            opening = end
        if opening > position:
            yield "text", document[position:opening]
        position = opening
        if opening == end:
            return
        name = _TAG_NAME.match(document, opening + 1)
        if name:
            position = _tag_end(document, name.end())
            tag = name[0].lower()
            yield tag, document[name.end() : position]
            if tag in _SILENT:
                position = _element_end(document, tag, position)
        elif document.startswith(("!", "/", "?"), opening + 1):
            position = _past(document, "-->" if document.startswith("!--", opening + 1) else ">", opening + 1)
        else:
            yield "text", "<"
            position = opening + 1


def _tag_end(document: str, position: int) -> int:
    """Return the position after a tag; a `>` in a quoted attribute does not end it."""
    while found := _QUOTE_OR_END.search(document, position):
        if found[0] == ">":
            return found.end()
        position = _past(document, found[1], found.end())
    return len(document)


def _element_end(document: str, tag: str, position: int) -> int:
    found = re.compile(rf"</{tag}(?![^\s/>])", re.IGNORECASE).search(document, position)
    return found.start() if found else len(document)


def _past(document: str, text: str, position: int) -> int:
    found = document.find(text, position)
    return len(document) if found < 0 else found + len(text)
