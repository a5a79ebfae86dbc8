"""The names that feeds use: which namespaces mean the same, and which elements fill which field of an entry."""

from typing import Literal

Space = Literal["rss", "atom", "rdf", "dc", "dcterms", "content", "media", "itunes", "xhtml", "history", ""]
"""A family of namespaces that mean the same; empty for all others."""
Field = Literal["id", "title", "link", "summary", "content", "author", "published", "updated"]

_FAMILIES: dict[Space, tuple[str, ...]] = {
    "rss": (
        "purl.org/rss/1.0",
        "my.netscape.com/rdf/simple/0.9",
        "channel.netscape.com/rdf/simple/0.9",
        "purl.org/net/rss1.1",
        "backend.userland.com/rss",
        "backend.userland.com/rss2",
        "blogs.law.harvard.edu/tech/rss",
        "my.netscape.com/publish/formats/rss-0.91.dtd",
    ),
    "atom": ("www.w3.org/2005/atom", "w3.org/2005/atom", "purl.org/atom/ns", "example.com/newformat"),
    "rdf": ("www.w3.org/1999/02/22-rdf-syntax-ns",),
    "dc": ("purl.org/dc/elements/1.1", "purl.org/dc/elements/1.0"),
    "dcterms": ("purl.org/dc/terms",),
    "content": ("purl.org/rss/1.0/modules/content",),
    "media": ("search.yahoo.com/mrss", "tools.search.yahoo.com/mrss", "video.search.yahoo.com/mrss"),
    "itunes": ("www.itunes.com/dtds/podcast-1.0.dtd", "www.itunes.com/dtd/podcast-1.0.dtd"),
    "xhtml": ("www.w3.org/1999/xhtml",),
    "history": ("purl.org/syndication/history/1.0",),
}
_FAMILY = {name: family for family, names in _FAMILIES.items() for name in names}
_USUAL_PREFIXES: dict[str, Space] = {
    "rss": "rss",
    "atom": "atom",
    "atom10": "atom",
    "a10": "atom",
    "rdf": "rdf",
    "dc": "dc",
    "dcterms": "dcterms",
    "content": "content",
    "media": "media",
    "itunes": "itunes",
    "xhtml": "xhtml",
    "fh": "history",
}
"""What a prefix means that was never declared."""

ROOTS = frozenset({"rss", "feed", "rdf", "channel"})
ENTRIES: dict[str, str] = {"rss": "item", "feed": "entry", "rdf": "item", "channel": "item"}
"""The entries of a document with this root; `channel` is that of CDF."""

_TEXTS: dict[Field, tuple[tuple[Space, str], ...]] = {
    "id": (("rss", "guid"), ("atom", "id"), ("dc", "identifier"), ("rss", "id")),
    "title": (("rss", "title"), ("atom", "title"), ("dc", "title"), ("media", "title"), ("itunes", "title")),
    "link": (("rss", "link"),),
    "summary": (
        ("rss", "description"),
        ("atom", "summary"),
        ("rss", "abstract"),
        ("rss", "summary"),
        ("dc", "description"),
        ("itunes", "summary"),
        ("media", "description"),
    ),
    "content": (("content", "encoded"), ("atom", "content"), ("xhtml", "body"), ("rss", "body"), ("rss", "fullitem")),
    "author": (
        ("rss", "author"),
        ("atom", "author/name"),
        ("dc", "creator"),
        ("dc", "author"),
        ("itunes", "author"),
        ("atom", "author/email"),
    ),
    "published": (
        ("rss", "pubdate"),
        ("atom", "published"),
        ("atom", "issued"),
        ("dcterms", "issued"),
        ("dc", "date"),
        ("dcterms", "date"),
        ("dcterms", "created"),
        ("atom", "created"),
        ("rss", "published"),
    ),
    "updated": (
        ("atom", "updated"),
        ("atom", "modified"),
        ("dcterms", "modified"),
        ("rss", "updated"),
        ("rss", "modified"),
    ),
}
FIELDS: dict[tuple[Space, str], tuple[Field, int]] = {
    name: (field, rank) for field, names in _TEXTS.items() for rank, name in enumerate(names)
}
"""Which field an element fills, and its rank there: of several elements the one with the lowest rank counts."""

VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "wbr"})
"""Elements of HTML that have no end tag."""
BLOCKS = frozenset({"address", "blockquote", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"})
BLOCKS |= {"ol", "p", "pre", "table", "tr", "ul"}
"""Elements of HTML behind which a new line begins."""


def family_of(namespace: str) -> Space:
    """Return the family of a namespace, however it is spelled."""
    name = namespace.strip().lower().removeprefix("https://").removeprefix("http://")
    return _FAMILY.get(name.rstrip("/#"), "")


def usual_meaning(prefix: str) -> Space:
    """Return the family that an undeclared prefix stands for by convention."""
    return _USUAL_PREFIXES.get(prefix.lower(), "")
