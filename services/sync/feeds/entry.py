"""Collect the fields of one entry from its elements: of several that fill a field, the one of the best rank counts."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from services.sync.feeds.elements import Element
from services.sync.feeds.vocabulary import BLOCKS, FIELDS, Field, Space
from services.sync.http.sanitize import MAX_LENGTH

Entry = dict[Field, str]
_RELATION = "http://www.iana.org/assignments/relation/"
_PAGES = frozenset({"", "text/html", "application/xhtml+xml"})
_PLAIN = frozenset({"", "text", "html", "escaped", "base64"})
_MARKUP: frozenset[tuple[Space, str]] = frozenset(
    {("atom", "content"), ("atom", "summary"), ("atom", "title"), ("xhtml", "body")}
)
_TEXT_RANK, _HREF_RANK, _OTHER_HREF_RANK, _GUID_RANK, _ABOUT_RANK, _ENCLOSURE_RANK, _ID_RANK, _NO_RANK = range(8)
"""Which link an entry has: the text of `link`, `href` of a page, of something else, a `guid` that is an address, …"""


@dataclass(slots=True)
class Capture:
    """The text of a field that is being collected; `depth` is that of its element, `is_markup` lets it have others."""

    fills: Field
    rank: int
    depth: int
    attributes: Mapping[str, str]
    is_markup: bool = False
    room: int = MAX_LENGTH
    parts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add text, as far as there is room."""
        text = text[: self.room]
        self.parts.append(text)
        self.room -= len(text)

    def leave(self, element: Element) -> None:
        """Note the end of an element inside the field."""
        if element.local in BLOCKS:
            self.add("\n")

    @property
    def value(self) -> str:
        """Return the text; of base64 what it encodes, if that is text (RFC 4287 §4.1.3.3, Atom 0.3 §3.1.2)."""
        value = "".join(self.parts).strip()
        kind, mode = self.attributes.get("type", "").lower(), self.attributes.get("mode", "")
        is_text = "/" not in kind or kind.startswith("text/") or kind.endswith(("+xml", "/xml"))
        if mode != "base64" and (is_text or mode):
            return value
        try:
            return b64decode(value).decode()
        except (binascii.Error, ValueError):
            return ""


class EntryReader:
    """Reads one entry, whose element is open at `depth`."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.entry: Entry = {}
        self._ranks: dict[Field, int] = {}

    def attributes(self, element: Element, attributes: Mapping[str, str], *, is_channel: bool) -> None:
        """Read the attributes of the entry itself: those of RDF, and those of CDF (`is_channel`)."""
        about = next((value for name, value in attributes.items() if name.endswith(":about")), "")
        self._offer("id", _ABOUT_RANK, about)
        self._offer_link(_ABOUT_RANK, about, element.base)
        if is_channel:
            lower = {name.lower(): value for name, value in attributes.items()}
            self._offer_link(_TEXT_RANK, lower.get("href", ""), element.base)
            self._offer("updated", _TEXT_RANK, lower.get("lastmod", ""))

    def child(self, element: Element, parent: Element, attributes: Mapping[str, str], depth: int) -> Capture | None:
        """Read an element inside the entry, open at `depth`; return a capture if its text fills a field."""
        key = _key(element, parent, depth - self.depth)
        if key is None:
            return None
        if element.local == "link":
            self._link(element, attributes)
        elif element.local == "enclosure":
            self._offer_link(_ENCLOSURE_RANK, attributes.get("url", ""), element.base)
        wanted = FIELDS.get(key)
        if wanted is None or attributes.get("src") or wanted[1] >= self._ranks.get(wanted[0], _NO_RANK + len(FIELDS)):
            return None
        kind = attributes.get("mode") or attributes.get("type", "")
        return Capture(*wanted, depth, attributes, is_markup=key in _MARKUP and kind.lower() not in _PLAIN)

    def finish(self, capture: Capture, element: Element) -> None:
        """Take the captured text of an element that ends."""
        value = capture.value
        if capture.fills == "link":
            self._offer_link(capture.rank, value, element.base)
            return
        self._offer(capture.fills, capture.rank, value)
        is_permanent = capture.attributes.get("isPermaLink", "true").lower() != "false"
        if capture.fills == "id" and is_permanent and value.lower().startswith(("https://", "http://")):
            self._offer_link(_GUID_RANK if element.local == "guid" else _ID_RANK, value, element.base)

    def _link(self, element: Element, attributes: Mapping[str, str]) -> None:
        relation = attributes.get("rel", "alternate").strip().lower().removeprefix(_RELATION)
        if relation == "alternate":
            is_page = attributes.get("type", "").strip().lower() in _PAGES
            self._offer_link(_HREF_RANK if is_page else _OTHER_HREF_RANK, attributes.get("href", ""), element.base)
        elif relation == "enclosure":
            self._offer_link(_ENCLOSURE_RANK, attributes.get("href", ""), element.base)

    def _offer_link(self, rank: int, address: str, base: str) -> None:
        address = "".join(address.split("\n")).strip()
        try:
            self._offer("link", rank, address and urljoin(base, address))
        except ValueError:  # not an address
            return

    def _offer(self, name: Field, rank: int, value: str) -> None:
        if value and rank < self._ranks.get(name, _NO_RANK + len(FIELDS)):
            self.entry[name], self._ranks[name] = value, rank


def _key(element: Element, parent: Element, below: int) -> tuple[Space, str] | None:
    """Return how the vocabulary calls an element so far below the entry; None if it says nothing about the entry."""
    if below == 1 or (parent.space == "media" and parent.local == "group"):
        return element.space, element.local
    if below == 2 and parent.local == "author":  # noqa: PLR2004 - a child of a child
        return element.space, f"author/{element.local}"
    return None
