"""Split XML into tokens, however ill-formed it is: what cannot be markup is text. The time taken is linear.

Nothing is looked up and nothing defined: a document type is skipped, apart from entities that stand for plain text.
"""

import re
from collections.abc import Iterator, Mapping
from html.entities import html5
from typing import Literal, NamedTuple

_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w:.\u00b7-]*")
_IN_TAG = re.compile(r"[<>]|=\s*[\"']")
_BEHIND_VALUE = frozenset(" \t\r\n/>?")
_ATTRIBUTE = re.compile(r"([^\s=/\"'<>]++)(?:\s*=\s*(?:\"([^\"]*)\"?|'([^']*)'?|([^\s\"'>]+)))?")
_MAX_ATTRIBUTES = 16 * 1024
"""Characters of a tag in which attributes are looked for."""
_MAX_DOCTYPE = 64 * 1024
_REFERENCE = re.compile(r"&(?:#(?:0*([0-9]{1,7})|[xX]0*([0-9a-fA-F]{1,6}));?|([A-Za-z_][\w.-]{0,63});)")
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]*)\s+(?:\"([^\"]*)\"|'([^']*)')\s*>")
_DOCTYPE = re.compile("<!DOCTYPE", re.IGNORECASE)
_SUBSET = re.compile(r"<!DOCTYPE[^\[>]*\[(?:<!--.*?-->|\"[^\"]*\"|'[^']*'|[^\]\"'])*+\]\s*>", re.DOTALL | re.IGNORECASE)
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MAX_ENTITIES = 256
_MAX_ENTITY_LENGTH = 100
_MAX_CODE = 0x10FFFF


class EntityBombError(Exception):
    """The document type defines entities by entities, which could grow without end."""


class Token(NamedTuple):
    """A piece of a document: `value` is a name, or text as it is written; `rest` what a tag holds besides its name."""

    kind: Literal["start", "empty", "end", "text", "literal"]
    value: str
    rest: str = ""


def cleaned(text: str) -> str:
    """Remove control characters; those of C1 are what Windows-1252 has there (a frequent mistake)."""
    return _UNUSABLE.sub(lambda found: _windows(ord(found[0])), text) if _UNUSABLE.search(text) else text


def entities_of(text: str) -> dict[str, str]:
    """Return the entities that the document type defines as plain text; others, and external ones, do not exist.

    Raises:
        EntityBombError: an entity is defined by others.
    """
    start = _DOCTYPE.search(text, 0, _MAX_DOCTYPE)
    subset = None if start is None else _SUBSET.match(text, start.start(), start.start() + _MAX_DOCTYPE)
    if subset is None:
        return {}
    found = {name: one or other for name, one, other in _ENTITY.findall(subset[0])[:_MAX_ENTITIES]}
    for value in found.values():
        for reference in _REFERENCE.finditer(value):
            if reference[3] in found:
                raise EntityBombError(f"the document type defines entities by entities (&{reference[3]};)")
    return {name: resolve(value, {})[:_MAX_ENTITY_LENGTH] for name, value in found.items()}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a document; comments, instructions and document types are left out."""
    finder, position = _Finder(text), 0
    while (start := text.find("<", position)) >= 0:
        if start > position:
            yield Token("text", text[position:start])
        name = _NAME.match(text, start + 1)
        if name is not None:
            end = finder.end_of_tag(name.end())
            if end < 0:  # another tag begins first: this is no tag
                yield Token("text", "<")
                position = start + 1
                continue
            rest = text[name.end() : end]
            yield Token("empty" if rest.endswith("/") else "start", name[0], rest)
            position = end + 1
        elif text.startswith("</", start):
            name = _NAME.match(text, start + 2)
            if name is not None:
                yield Token("end", name[0])
            position = finder.after(">", start)
        elif text.startswith("<![CDATA[", start):
            end = finder.find("]]>", start)
            # One that never ends would take all that follows along.
            yield Token("literal", text[start + 9 : end if end >= 0 else finder.end_of_text(start + 9)])
            position = end + 3 if end >= 0 else finder.end_of_text(start + 9)
        elif text.startswith(("<!", "<?"), start):
            position = _after_declaration(text, start, finder)
        else:
            yield Token("text", "<")
            position = start + 1
    if position < len(text):
        yield Token("text", text[position:])


def attributes(rest: str, entities: Mapping[str, str]) -> dict[str, str]:
    """Return a tag's attributes, with references resolved; of several with one name the first."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(rest[:_MAX_ATTRIBUTES]):
        found.setdefault(name, resolve(double or single or bare, entities))
    return found


def resolve(text: str, entities: Mapping[str, str]) -> str:
    """Replace references to characters and to the entities of XML, HTML and the document; others stay as written."""
    if "&" not in text:
        return text

    def replaced(found: re.Match[str]) -> str:
        decimal, hexadecimal, name = found.groups()
        if name is not None:
            return entities.get(name) or html5.get(f"{name};") or found[0]
        return _character(int(decimal) if decimal else int(hexadecimal, 16))

    resolved = _REFERENCE.sub(replaced, text)
    if _SURROGATES.search(resolved):  # half of a pair each, as JavaScript and Java write characters beyond U+FFFF
        return resolved.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return resolved


def _character(code: int) -> str:
    if code > _MAX_CODE:
        return ""
    return cleaned(chr(code))


def _windows(code: int) -> str:
    return bytes([code]).decode("cp1252", "ignore") if 0x80 <= code <= 0x9F else ""  # noqa: PLR2004 - the C1 block


def _after_declaration(text: str, start: int, finder: "_Finder") -> int:
    if text.startswith("<!--", start):
        return finder.after("-->", start + 4) if finder.find("-->", start + 4) >= 0 else finder.after(">", start)
    if text.startswith("<?", start):
        return finder.after("?>", start) if finder.find("?>", start) >= 0 else finder.after(">", start)
    subset = finder.first_subset(start)
    return subset.end() if subset else finder.after(">", start)


class _Finder:
    """Searches forward, and remembers what is not there any more, so that no search is made twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._absent: set[str] = set()

    def find(self, wanted: str, start: int) -> int:
        """Return the next position of `wanted`, or -1."""
        if wanted in self._absent:
            return -1
        position = self._text.find(wanted, start)
        if position < 0:
            self._absent.add(wanted)
        return position

    def after(self, wanted: str, start: int) -> int:
        """Return the position behind the next `wanted`; without one, behind the end of the text."""
        position = self.find(wanted, start)
        return len(self._text) + 1 if position < 0 else position + len(wanted)

    def end_of_text(self, start: int) -> int:
        """Return where the next end tag begins, or the document ends."""
        end_tag = self.find("</", start)
        return len(self._text) if end_tag < 0 else end_tag

    def first_subset(self, start: int) -> re.Match[str] | None:
        """Match a document type with definitions; only the first one is looked at."""
        if "subset" in self._absent:
            return None
        self._absent.add("subset")
        return _SUBSET.match(self._text, start, start + _MAX_DOCTYPE)

    def end_of_tag(self, start: int) -> int:
        """Return the position of a tag's `>`, not counting those in quoted values; -1 if another tag begins first.

        A value whose closing quote is not followed by white space or the tag's end is one whose quote was forgotten:
        the tag then ends at the first `>`.
        """
        position = start
        while (found := _IN_TAG.search(self._text, position)) is not None:
            if found[0] == ">":
                return found.start()
            if found[0] == "<":
                return -1
            close = self.find(found[0][-1], found.end())
            if close < 0 or self._text[close + 1 : close + 2] not in _BEHIND_VALUE:
                less = self.find("<", start)
                return self._text.find(">", start, len(self._text) if less < 0 else less)
            position = close + 1
        return -1
