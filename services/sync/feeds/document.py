"""Read the entries of a feed from its markup, and go on behind what is broken: one bad entry costs no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from nightshift.config.redaction import single_line
from services.sync.connector import SyncFailedError
from services.sync.dates import instant
from services.sync.feeds.elements import Element, Elements
from services.sync.feeds.entry import Capture, Entry, EntryReader
from services.sync.feeds.markup import EntityBombError, Token, attributes, cleaned, entities_of, resolve, tokens
from services.sync.feeds.vocabulary import ENTRIES, FIELDS, ROOTS, VOID

MAX_ENTRIES = 2_000
"""Of a longer feed the newest entries are kept."""
MAX_DEPTH = 100
MAX_TOKENS = 1_000_000
"""Pieces of markup and text that are looked at: some seconds of work. The largest feeds have half as many."""
_FORMATS = frozenset({"rss", "atom"})
_FEED_AUTHOR = ["feed", "author", "name"]


class NotAFeedError(SyncFailedError):
    """The document is neither RSS nor Atom."""


@dataclass(slots=True)
class Document:
    """The entries of a feed; `link` is absolute, other fields are as written.

    `complete`: the feed says that it has all there is (RFC 5005 §2), and nothing of it was lost.
    """

    entries: list[Entry] = field(default_factory=list)
    complete: bool = False
    is_atom: bool = False


def read_feed(text: str, base: str) -> Document:
    """Read a document that was found at the address `base`.

    Raises:
        NotAFeedError: it is no feed; says what it is instead.
    """
    text = cleaned(text)
    try:
        reader = _Reader(base, entities_of(text))
    except EntityBombError as error:
        raise NotAFeedError(f"the feed was refused: {error}") from None
    for token in islice(tokens(text), MAX_TOKENS):
        reader.take(token)
    return reader.finish()


class _Reader:
    """Follows the elements as they come, and keeps only the fields of entries."""

    def __init__(self, base: str, entities: Mapping[str, str]) -> None:
        self._entities = entities
        self._elements = Elements(base)
        self._entries: list[Entry] = []
        self._entry: EntryReader | None = None
        self._capture: Capture | None = None
        self._first = self._feed_author = ""
        self._says_complete = self._is_damaged = False

    def take(self, token: Token) -> None:
        """Take the next token."""
        if token.kind in {"text", "literal"}:
            self._text(token)
        elif token.kind == "end":
            self._end(token.value.lower())
        else:
            name, depth = token.value.lower(), len(self._elements)
            self._start(name, token.rest)
            is_empty = token.kind == "empty" or (self._capture is not None and name in VOID)
            if is_empty and len(self._elements) > depth:
                self._close(depth)

    def finish(self) -> Document:
        """Return the document; an entry that was cut off is left out, as its fields may be cut off too.

        Raises:
            NotAFeedError: there was no feed in it.
        """
        if not self._elements.root:
            found = f"a {single_line(self._first, 60)!r}" if self._first else "no markup"
            raise NotAFeedError(f"the document is {found}, expected RSS or Atom")
        is_atom = self._elements.root == "feed"
        if is_atom and self._feed_author:
            for entry in self._entries:
                entry.setdefault("author", self._feed_author)  # RFC 4287 §4.2.1
        complete = self._says_complete and not self._is_damaged and not len(self._elements)
        return Document(_newest(self._entries), complete, is_atom)

    def _start(self, name: str, rest: str) -> None:
        if not self._elements.root and not self._may_be_root(name):
            return
        if len(self._elements) >= MAX_DEPTH:
            self._is_damaged = True
            return
        # Inside a field only names and addresses matter.
        is_read = "=" in rest and (self._capture is None or "xml" in rest)
        found = attributes(rest, self._entities) if is_read else {}
        element = self._elements.element(name, found)
        if self._entry is not None:
            self._recover(self._entry, element)
        parent = self._elements.top
        self._elements.open(element)
        if self._entry is None:
            self._outside_of_entries(element, found)
        elif self._capture is None:
            self._capture = self._entry.child(element, parent, found, len(self._elements))

    def _may_be_root(self, name: str) -> bool:
        self._first = self._first or name
        local = name.rpartition(":")[2]
        if local == "html":
            raise NotAFeedError("the document is a 'html', expected RSS or Atom")
        return local in ROOTS

    def _is_entry(self, element: Element) -> bool:
        return element.local == ENTRIES[self._elements.root] and element.space in _FORMATS

    def _recover(self, entry: EntryReader, element: Element) -> None:
        """Close an entry or a field whose end tag is missing, when the next one begins."""
        top, capture = self._elements.top, self._capture
        if self._is_entry(element):
            may_nest = self._elements.root == "feed" and top.local != "entry"
            if not may_nest and (capture is None or not capture.is_markup):
                self._is_damaged = True
                self._close(entry.depth - 1)
        elif capture is not None and not capture.is_markup and len(self._elements) == capture.depth:
            is_field = (element.space, element.local) in FIELDS or element.local == "link"
            if element.space in _FORMATS and is_field and element.name != top.name:
                self._is_damaged = True
                self._close(capture.depth - 1)

    def _outside_of_entries(self, element: Element, found: Mapping[str, str]) -> None:
        if self._is_entry(element):
            self._entry = EntryReader(len(self._elements))
            self._entry.attributes(element, found, is_channel=self._elements.root == "channel")
        elif (element.space, element.local) == ("history", "complete"):
            self._says_complete = True
        elif element.local == "name" and self._elements.path == _FEED_AUTHOR:
            self._capture = Capture("author", 0, len(self._elements), found)

    def _text(self, token: Token) -> None:
        if self._capture is not None and self._capture.room > 0:
            text = token.value[: 4 * self._capture.room]  # a reference is longer than what it stands for
            self._capture.add(resolve(text, self._entities) if token.kind == "text" else text)

    def _end(self, name: str) -> None:
        depth = self._elements.depth_of(name)
        is_orderly = depth == len(self._elements) - 1 or self._capture is not None
        self._is_damaged = self._is_damaged or not is_orderly
        if depth is not None:
            self._close(depth)

    def _close(self, depth: int) -> None:
        """Close elements until so many are open."""
        while len(self._elements) > depth:
            open_now, element = len(self._elements), self._elements.top
            if self._capture is not None and self._capture.depth == open_now:
                self._finish_field(self._capture, element)
            elif self._capture is not None:
                self._capture.leave(element)
            if self._entry is not None and self._entry.depth == open_now:
                self._finish_entry(self._entry.entry)
            self._elements.close()

    def _finish_field(self, capture: Capture, element: Element) -> None:
        self._capture = None
        if self._entry is not None:
            self._entry.finish(capture, element)
        else:
            self._feed_author = self._feed_author or capture.value

    def _finish_entry(self, entry: Entry) -> None:
        self._entry = None
        if entry:
            self._entries.append(entry)
        if len(self._entries) >= 2 * MAX_ENTRIES:
            self._entries = _newest(self._entries)


def _newest(entries: list[Entry]) -> list[Entry]:
    """Return at most `MAX_ENTRIES`, the newest ones, in their order; of those without a date the first ones."""
    if len(entries) <= MAX_ENTRIES:
        return entries
    dates = [instant(entry.get("published")) or instant(entry.get("updated")) or "" for entry in entries]
    by_date = sorted(range(len(entries)), key=lambda number: dates[number], reverse=True)
    return [entries[number] for number in sorted(by_date[:MAX_ENTRIES])]
