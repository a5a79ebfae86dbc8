"""Reading feeds of strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.sites.feed_site import atom, rss
from services.sync.connectors.feed_document import MAX_ENTRIES, NotAFeedError, read_document

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rss version="2.0"><channel><item><title>&b;</title></item></channel></rss>"""
FILE = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>'
OUTER = b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/evil.dtd"><rss/>'


def item(inner: str, head: str = '<rss version="2.0">') -> bytes:
    """An RSS document with one item."""
    return f"{head}<channel><item>{inner}</item></channel></rss>".encode()


@pytest.mark.parametrize("body", [BOMB, FILE, OUTER], ids=["bomb", "file", "outer"])
def test_a_document_type_is_refused(body: bytes) -> None:
    """No entity is expanded, no file read, no address asked."""
    with pytest.raises(NotAFeedError, match="document type declaration"):
        read_document(body)


def test_entities_of_xml_itself_are_read() -> None:
    """Those five, and numbers."""
    assert read_document(item("<title>&lt;b&gt; &amp; &#x263a;</title>")).entries == [{"title": "<b> & \u263a"}]


@pytest.mark.parametrize(
    ("inner", "entry"),
    [
        ("<guid>https://x.example/1</guid>", {"id": "https://x.example/1", "permanent": "true"}),
        ('<guid isPermaLink="false">1</guid>', {"id": "1"}),
        ("<title><![CDATA[a <b> c]]></title>", {"title": "a <b> c"}),
        ("<title>first</title><title>second</title>", {"title": "first"}),
        ("<media><title>inner</title></media>", {}),
        ("<title>a<i>b</i>c</title>", {"title": "abc"}),
        ("", {}),
    ],
)
def test_an_items_fields_are_read(inner: str, entry: dict[str, str]) -> None:
    """Each once, with the text of what is inside it."""
    assert read_document(item(inner)).entries == [entry]


def test_dublin_cores_author_is_an_author() -> None:
    """Most blogs write it so."""
    head = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    assert read_document(item("<dc:creator>Ada</dc:creator>", head)).entries == [{"author": "Ada"}]


def test_the_first_alternate_link_of_an_atom_entry_is_its_link() -> None:
    """RFC 4287 §4.2.7.2: without a relation it is `alternate`."""
    (entry,) = read_document(atom([1])).entries
    assert entry["link"] == "https://blog.example/1"


def test_atom_of_another_namespace_is_no_atom() -> None:
    """The name alone says nothing."""
    with pytest.raises(NotAFeedError, match="expected RSS"):
        read_document(b'<feed xmlns="http://purl.org/atom/ns#"><entry/></feed>')


@pytest.mark.parametrize(
    ("body", "charset", "title"),
    [
        ("é".encode("latin-1"), "iso-8859-1", "é"),
        ("é".encode("windows-1252"), "windows-1252", "é"),
        ("é".encode(), None, "é"),
    ],
)
def test_the_transports_charset_counts_where_the_document_says_nothing(
    body: bytes, charset: str | None, title: str
) -> None:
    """RFC 7303 §3, and XML's own default."""
    document = b"<rss><channel><item><title>" + body + b"</title></item></channel></rss>"
    assert read_document(document, charset).entries == [{"title": title}]


def test_the_documents_own_encoding_goes_before_the_transports() -> None:
    """Servers are wrong about it more often than authors."""
    text = '<?xml version="1.0" encoding="utf-8"?><rss><channel><item><title>é</title></item></channel></rss>'
    assert read_document(text.encode(), "iso-8859-1").entries == [{"title": "é"}]
    utf16 = text.replace("utf-8", "utf-16").encode("utf-16")
    assert read_document(utf16, "utf-8").entries == [{"title": "é"}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no element found"),
        (b"<html><body>Hello</body></html>", "expected RSS"),
        (rss([1])[:-20], "well-formed"),
        (b"<rss>\xff</rss>", "well-formed"),
        (item("<title>&nbsp;</title>"), "undefined entity"),
        (b'<?xml version="1.0" encoding="nonsense"?><rss/>', "encoding"),
        (b'<?xml version="1.0" encoding="shift_jis"?><rss/>', "encoding"),
        (b"<rss>" + b"<a>" * 200, "nested more than"),
        (b"<rss><channel>" + b"<item/>" * (MAX_ENTRIES + 1) + b"</channel></rss>", "more than 2,000 entries"),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, problem: str) -> None:
    """The text says what is wrong with it."""
    with pytest.raises(NotAFeedError, match=problem):
        read_document(body)


def test_an_endless_text_is_cut() -> None:
    """Nobody reads a summary of a megabyte."""
    (entry,) = read_document(item(f"<description>{'x' * 1_000_000}</description>")).entries
    assert len(entry["summary"]) == 10_000


PIECES = st.sampled_from(
    [
        b"<rss>",
        b"</rss>",
        b"<channel>",
        b"<item>",
        b"</item>",
        b"<title>",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE x",
        b"&#0;",
        b"<?xml version='1.0' encoding='",
        b"'?>",
        b"&x;",
        b"<feed xmlns='http://www.w3.org/2005/Atom'>",
        b"<entry>",
        b"\xff\xfe",
        b"\x00",
        b"utf-16",
        b"utf-7",
        b"idna",
        b">",
        b"<a b='",
        b"<link href='x'/>",
    ]
)


@given(st.binary() | st.lists(PIECES | st.binary(max_size=4)).map(b"".join), st.none() | st.text(max_size=12))
def test_any_bytes_are_a_feed_or_none(body: bytes, charset: str | None) -> None:
    """Nothing else can come of it: no other error, no endless work."""
    charset = charset if charset is None or (charset.isascii() and charset and charset.isprintable()) else None
    try:
        document = read_document(body, charset)
    except NotAFeedError:
        return
    assert all(isinstance(value, str) for entry in document.entries for value in entry.values())
