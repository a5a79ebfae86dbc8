"""Reads RSS 2.0 and Atom (RFC 4287) documents of strangers, as a stream, without DTDs and so without entities."""

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from nightshift.config.redaction import single_line
from services.sync.connector import SyncFailedError
from services.sync.http.sanitize import MAX_LENGTH

MAX_ENTRIES = 2_000
MAX_DEPTH = 100
ATOM = "http://www.w3.org/2005/Atom "
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/ "
_COMPLETE = "http://purl.org/syndication/history/1.0 complete"
_DECLARED = re.compile(rb"^\xef\xbb\xbf|^\xff\xfe|^\xfe\xff|^[^>]{0,200}encoding\s*=")

_FIELDS: dict[str, dict[tuple[str, ...], str]] = {
    "rss": {
        ("guid",): "id",
        ("title",): "title",
        ("link",): "link",
        ("description",): "summary",
        ("pubDate",): "published",
        ("author",): "author",
        (f"{_DUBLIN_CORE}creator",): "author",
        (f"{_DUBLIN_CORE}date",): "published",
    },
    f"{ATOM}feed": {
        (f"{ATOM}id",): "id",
        (f"{ATOM}title",): "title",
        (f"{ATOM}summary",): "summary",
        (f"{ATOM}content",): "content",
        (f"{ATOM}published",): "published",
        (f"{ATOM}updated",): "updated",
        (f"{ATOM}author", f"{ATOM}name"): "author",
    },
}
_ENTRY = {"rss": ("rss", "channel", "item"), f"{ATOM}feed": (f"{ATOM}feed", f"{ATOM}entry")}


class NotAFeedError(SyncFailedError):
    """The document is neither RSS 2.0 nor Atom, or not well-formed."""


@dataclass(slots=True)
class Document:
    """The entries of a feed, each by field names of ours, as they were written; `complete` is RFC 5005 §2."""

    entries: list[dict[str, str]] = field(default_factory=list)
    complete: bool = False


def read_document(body: bytes, charset: str | None = None) -> Document:
    """Reads a feed; `charset` is what the transport said, for a document that says nothing itself.

    Raises:
        NotAFeedError: it is none; the text says why.
    """
    encoding = None if charset is None or _DECLARED.match(body[:400]) else charset
    reader = _Reader()
    try:
        parser = _parser(reader, encoding)
        parser.Parse(body, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset}"
        raise NotAFeedError(f"the feed is no well-formed XML: {expat.ErrorString(error.code)} ({where})") from None
    except (ValueError, LookupError, UnicodeError) as error:
        raise NotAFeedError(f"the feed's encoding cannot be read: {single_line(str(error), 200)}") from None
    return reader.document


def _parser(reader: "_Reader", encoding: str | None) -> expat.XMLParserType:
    parser = expat.ParserCreate(encoding, " ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    return parser


def _refuse_doctype(*_: object) -> NoReturn:
    raise NotAFeedError("the feed has a document type declaration, which may define entities without end: refused")


class _Reader:
    """Follows the elements as they come, and keeps only what is asked for."""

    def __init__(self) -> None:
        self.document = Document()
        self._path: list[str] = []
        self._entry: dict[str, str] | None = None
        self._field: str | None = None
        self._field_depth = 0
        self._room = 0
        self._parts: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._path.append(name)
        if len(self._path) == 1 and name not in _FIELDS:
            raise NotAFeedError(f"the document is a {single_line(name, 60)!r}, expected RSS 2.0 or Atom")
        if len(self._path) > MAX_DEPTH:
            raise NotAFeedError(f"the feed's elements are nested more than {MAX_DEPTH} deep")
        entry = _ENTRY[self._path[0]]
        if name == _COMPLETE and len(self._path) == len(entry):
            self.document.complete = True
        if self._entry is None and tuple(self._path) == entry:
            self._entry = {}
        elif self._entry is not None and self._field is None:
            self._begin(self._entry, name, attributes)

    def _begin(self, entry: dict[str, str], name: str, attributes: dict[str, str]) -> None:
        inside = tuple(self._path[len(_ENTRY[self._path[0]]) :])
        if name == f"{ATOM}link" and len(inside) == 1 and attributes.get("rel", "alternate") == "alternate":
            entry.setdefault("link", attributes.get("href", "")[:MAX_LENGTH])
        found = _FIELDS[self._path[0]].get(inside)
        if found is not None and found not in entry:
            self._field, self._field_depth, self._room, self._parts = found, len(self._path), MAX_LENGTH, []
            if found == "id" and attributes.get("isPermaLink", "true").lower() != "false":
                entry["permanent"] = "true"

    def end(self, _: str) -> None:
        """An element ends."""
        if self._entry is not None and self._field is not None and len(self._path) == self._field_depth:
            self._entry[self._field] = "".join(self._parts).strip()
            self._field = None
        elif self._entry is not None and len(self._path) == len(_ENTRY[self._path[0]]):
            if len(self.document.entries) >= MAX_ENTRIES:
                raise NotAFeedError(f"the feed has more than {MAX_ENTRIES:,} entries")
            self.document.entries.append(self._entry)
            self._entry = None
        self._path.pop()

    def text(self, data: str) -> None:
        """A piece of text."""
        if self._field is not None and self._room > 0:
            self._parts.append(data[: self._room])
            self._room -= len(data)
