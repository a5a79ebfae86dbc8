"""Turn a feed's entries into records, each with an id that stays the same from one reading to the next."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from services.sync.connector import Record
from services.sync.dates import instant
from services.sync.feeds.document import Document
from services.sync.feeds.entry import Entry
from services.sync.http import sanitize

_MAX_LINE = 1000


def records_of(document: Document) -> list[Record]:
    """Return a record for each entry; of several versions of one entry the newest."""
    return [_record(name, entry) for name, entry in _named(document)]


def _named(document: Document) -> Iterator[tuple[str, Entry]]:
    """Name each entry by its id, if that is its own; else by its link, or by a hash of what it says.

    Feeds give all entries the address of their site as id, or no id at all.
    """
    by_id: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in document.entries:
        by_id[entry.get("id", "")].append(entry)
    links = Counter(entry.get("link", "") for entry in document.entries)
    for name, entries in by_id.items():
        if name and (len(entries) == 1 or _are_versions(entries, is_atom=document.is_atom)):
            yield name, _newest(entries)
            continue
        for entry in entries:
            link = entry.get("link", "")
            yield (link if link and links[link] == 1 else _hash(entry)), entry


def _are_versions(entries: Sequence[Entry], *, is_atom: bool) -> bool:
    """Tell whether entries with one id are versions of one entry (RFC 4287 §4.1.1), and not just carelessly named."""
    return len({(entry.get("link"), None if is_atom else entry.get("title")) for entry in entries}) == 1


def _newest(entries: Sequence[Entry]) -> Entry:
    return max(entries, key=lambda entry: instant(entry.get("updated")) or instant(entry.get("published")) or "")


def _hash(entry: Entry) -> str:
    written = "\n".join([entry.get("title", ""), entry.get("summary", ""), entry.get("published", "")])
    return "sha256:" + hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()


def _record(name: str, entry: Entry) -> Record:
    data = {
        "title": _line(entry.get("title")),
        "url": sanitize.web_address(entry.get("link"), ""),
        "summary": sanitize.cleaned(entry.get("summary") or entry.get("content")),
        "author": _line(entry.get("author")),
        "published": instant(entry.get("published")),
        "updated": instant(entry.get("updated")),
    }
    return Record(sanitize.external_id(name), "entry", data)


def _line(text: str | None) -> str | None:
    return None if text is None else sanitize.clean(" ".join(text.split()), _MAX_LINE)
