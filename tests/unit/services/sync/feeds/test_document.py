"""Reading feeds of strangers: what their formats say, and what is left of them where they are broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.sites.feed_site import atom, rss
from services.sync.feeds.document import MAX_ENTRIES, NotAFeedError, read_feed
from services.sync.feeds.entry import Entry

HERE = "https://blog.example/feeds/main.xml"
ATOM = "http://www.w3.org/2005/Atom"
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
MODULES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/" '
    f'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="{ATOM}"'
)


def entries(text: str) -> list[Entry]:
    """Return the entries of a document."""
    return read_feed(text, HERE).entries


def item(inner: str, head: str = '<rss version="2.0">') -> Entry:
    """Return the one entry of an RSS document, empty if it has none."""
    found = entries(f"{head}<channel><title>Feed</title><item>{inner}</item></channel></rss>")
    return found[0] if found else {}


def entry(inner: str, head: str = f'<feed xmlns="{ATOM}">') -> Entry:
    """Return the one entry of an Atom document."""
    found = entries(f"{head}<title>Feed</title><entry>{inner}</entry></feed>")
    return found[0] if found else {}


@pytest.mark.parametrize(
    "head",
    [
        '<rss version="2.0">',
        '<rss version="0.91">',
        "<rss>",
        "<RSS>",
        '<rss version="2.0" xmlns="http://backend.userland.com/rss2">',
        '<rss version="2.0" xmlns="http://blogs.law.harvard.edu/tech/rss">',
        '<rss version="2.0" xmlns="http://unheard.example/of">',
        f'<rss version="2.0" xmlns="{ATOM}">',
        '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://netscape.example/rss.dtd"><rss version="0.91">',
        '<?xml version="1.1"?><?xml-stylesheet href="x.xsl"?><!-- <rss> --><rss>',
    ],
)
def test_rss_is_rss_whatever_namespace_or_type_it_has(head: str) -> None:
    """Its elements are known by their names."""
    assert item("<title>T</title><link>https://x.example/1</link>", head) == {
        "title": "T",
        "link": "https://x.example/1",
    }


@pytest.mark.parametrize(
    "namespace",
    [
        ATOM,
        "https://www.w3.org/2005/Atom",
        "http://www.w3.org/2005/Atom/",
        "HTTP://www.w3.org/2005/atom",
        "http://purl.org/atom/ns#",
        "http://unheard.example/of",
        "",
    ],
)
@pytest.mark.parametrize("prefix", ["", "a:"])
def test_atom_is_atom_whatever_namespace_it_has(namespace: str, prefix: str) -> None:
    """Also one that nobody has heard of, and also by prefix."""
    declared = f'xmlns{":a" if prefix else ""}="{namespace}"' if namespace else ""
    text = f"<{prefix}feed {declared}><{prefix}entry><{prefix}title>T</{prefix}title></{prefix}entry></{prefix}feed>"
    assert entries(text) == [{"title": "T"}]


@pytest.mark.parametrize(
    "namespace", ["http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/", "http://purl.org/net/rss1.1#"]
)
@pytest.mark.parametrize("prefix", ["", "rss:"])
def test_rdf_is_read(namespace: str, prefix: str) -> None:
    """RSS 0.90, 1.0 and 1.1: items beside the channel, with the address of the resource as id and, if need be, link."""
    xmlns = f"xmlns{':rss' if prefix else ''}"
    text = (
        f'{RDF} {xmlns}="{namespace}" {MODULES}><{prefix}channel><{prefix}title>Feed</{prefix}title></{prefix}channel>'
        f'<{prefix}item rdf:about="https://x.example/1"><{prefix}title>T</{prefix}title>'
        f"<dc:date>2026-02-05</dc:date><dc:creator>Ada</dc:creator></{prefix}item></rdf:RDF>"
    )
    about = "https://x.example/1"
    assert entries(text) == [{"id": about, "link": about, "title": "T", "published": "2026-02-05", "author": "Ada"}]


def test_cdf_is_read() -> None:
    """Microsoft's format of 1997, in capitals and with attributes."""
    text = (
        '<CHANNEL HREF="https://x.example/"><TITLE>Feed</TITLE><ITEM HREF="/1" LASTMOD="2026-02-05T08:00">'
        "<TITLE>T</TITLE><ABSTRACT>A</ABSTRACT></ITEM></CHANNEL>"
    )
    expected = {"link": "https://blog.example/1", "updated": "2026-02-05T08:00", "title": "T", "summary": "A"}
    assert entries(text) == [expected]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ('<guid isPermaLink="false">1</guid>', {"id": "1"}),
        ("<guid>1</guid>", {"id": "1"}),
        ("<guid>https://x.example/1</guid>", {"id": "https://x.example/1", "link": "https://x.example/1"}),
        (
            "<guid>https://x.example/1</guid><link>/2</link>",
            {"id": "https://x.example/1", "link": "https://blog.example/2"},
        ),
        ("<title><![CDATA[a <b> c]]></title>", {"title": "a <b> c"}),
        ("<title>a &lt;b> &amp;amp; c</title>", {"title": "a <b> &amp; c"}),
        ("<title>first</title><title>second</title>", {"title": "first"}),
        ("<title></title><title>second</title>", {"title": "second"}),
        ("<image><title>inner</title><link>https://x.example/no</link></image>", {}),
        ("<source url='x'>inner</source>", {}),
        ("<title>a<i>b</i>c</title>", {"title": "abc"}),
        ("<description><p>One</p><p>Two<br>Three</p></description>", {"summary": "One\nTwo\nThree"}),
        ("<link>\n https://x.example/1 \n</link>", {"link": "https://x.example/1"}),
        ("<link href='/1'/>", {"link": "https://blog.example/1"}),
        ("<enclosure url='/1.mp3' type='audio/mpeg'/>", {"link": "https://blog.example/1.mp3"}),
        ("<enclosure url='/1.mp3'/><link>/1</link>", {"link": "https://blog.example/1"}),
        ("<pubdate>P</pubdate>", {"published": "P"}),
        ("", {}),
    ],
)
def test_the_fields_of_an_rss_item(inner: str, expected: Entry) -> None:
    """Each once, from children of the item only; a `guid` is a link if it is an address and no other link is there."""
    assert item(inner) == expected


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<dc:creator>C</dc:creator><author>A</author>", {"author": "A"}),
        ("<itunes:author>I</itunes:author><dc:creator>C</dc:creator>", {"author": "C"}),
        ("<atom:author><atom:name>N</atom:name></atom:author>", {"author": "N"}),
        ("<dc:date>D</dc:date>", {"published": "D"}),
        (
            "<dcterms:modified>M</dcterms:modified><dcterms:issued>I</dcterms:issued>",
            {"updated": "M", "published": "I"},
        ),
        ("<atom:updated>U</atom:updated><pubDate>P</pubDate>", {"updated": "U", "published": "P"}),
        ("<atom:link href='https://x.example/1'/><link>https://x.example/2</link>", {"link": "https://x.example/2"}),
        ("<atom:link rel='self' href='https://x.example/1'/>", {}),
        ("<content:encoded>E</content:encoded>", {"content": "E"}),
        ("<content:encoded>E</content:encoded><description>D</description>", {"content": "E", "summary": "D"}),
        ("<media:title>M</media:title><title>T</title>", {"title": "T"}),
        ("<media:group><media:title>M</media:title></media:group>", {"title": "M"}),
        ("<unknown:title xmlns:unknown='urn:x'>U</unknown:title>", {}),
        ("<x xmlns='urn:x'><title>U</title></x>", {}),
        ("<dc:identifier>I</dc:identifier>", {"id": "I"}),
    ],
)
def test_modules_fill_what_the_format_itself_leaves_open(inner: str, expected: Entry) -> None:
    """Dublin Core, iTunes, Media RSS, Atom inside of RSS; names of other namespaces mean something else."""
    assert item(inner, f'<rss version="2.0" {MODULES}>') == expected


@pytest.mark.parametrize("name", ["dc:creator", "dcterms:creator2", "itunes:author", "media:thumbnail", "weird:thing"])
def test_a_prefix_that_nobody_declared_means_what_it_usually_means(name: str) -> None:
    """And costs nothing else."""
    found = item(f"<{name}>A</{name}><title>T</title>")
    assert found.pop("title") == "T"
    assert found == ({"author": "A"} if name in {"dc:creator", "itunes:author"} else {})


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<id> urn:1 </id>", {"id": "urn:1"}),
        ("<id>https://x.example/1</id>", {"id": "https://x.example/1", "link": "https://x.example/1"}),
        ("<link href='/1'/>", {"link": "https://blog.example/1"}),
        ("<link rel='alternate' type='text/html' href='/1'/>", {"link": "https://blog.example/1"}),
        (
            "<link rel='http://www.iana.org/assignments/relation/alternate' href='/1'/>",
            {"link": "https://blog.example/1"},
        ),
        ("<link type='application/pdf' href='/1.pdf'/><link href='/1'/>", {"link": "https://blog.example/1"}),
        ("<link rel='self' href='/1.atom'/><link rel='edit' href='/2'/>", {}),
        ("<link rel='enclosure' href='/1.mp3'/>", {"link": "https://blog.example/1.mp3"}),
        ("<link/><link href=''/>", {}),
        ("<author><name>Ada</name><email>a@example.com</email></author>", {"author": "Ada"}),
        ("<author><email>a@example.com</email></author>", {"author": "a@example.com"}),
        ("<published>P</published><updated>U</updated>", {"published": "P", "updated": "U"}),
        ("<issued>P</issued><modified>U</modified><created>C</created>", {"published": "P", "updated": "U"}),
        ("<source><title>S</title><id>s</id><author><name>S</name></author></source>", {}),
        ("<title type='html'>a &lt;b&gt;c&lt;/b&gt;</title>", {"title": "a <b>c</b>"}),
        ("<title type='xhtml'><div>a <b>c</b></div></title>", {"title": "a c"}),
        ("<title mode='escaped'>a &lt;b&gt;</title>", {"title": "a <b>"}),
        ("<title mode='base64'>VGhlIHRpdGxl</title>", {"title": "The title"}),
        ("<content type='application/octet-stream'>VGhlIHRleHQ=</content>", {"content": "The text"}),
        ("<content type='image/png'>iVBORw0KGgo=</content>", {}),
        ("<content src='https://x.example/1' type='text/html'/>", {}),
        ("<content type='xhtml'><div><title>no title</title></div></content>", {"content": "no title"}),
        ("<content type='application/xml'><entry><id>2</id></entry></content><id>1</id>", {"content": "2", "id": "1"}),
    ],
)
def test_the_fields_of_an_atom_entry(inner: str, expected: Entry) -> None:
    """RFC 4287, and Atom 0.3, whose names are older."""
    assert entry(inner) == expected


def test_an_entry_without_an_author_has_that_of_its_feed() -> None:
    """RFC 4287 §4.2.1, wherever the feed names it."""
    author = "<author><name>Ada</name></author>"
    other = author.replace("Ada", "Eve")
    text = f"<feed><entry><id>1</id></entry><entry><id>2</id>{other}</entry>{author}</feed>"
    assert [one["author"] for one in entries(text)] == ["Ada", "Eve"]


@pytest.mark.parametrize(
    ("feed_base", "entry_base", "href", "link"),
    [
        ("https://other.example/blog/", "", "2026/post.html", "https://other.example/blog/2026/post.html"),
        ("", "https://other.example/blog/", "2026/post.html", "https://other.example/blog/2026/post.html"),
        ("", "When/2026/02/05/", "Texas", "https://blog.example/feeds/When/2026/02/05/Texas"),
        ("/a/", "b/", "c", "https://blog.example/a/b/c"),
        ("https://other.example/", "", "https://third.example/1", "https://third.example/1"),
        ("javascript:alert(1)//", "", "1", "https://blog.example/feeds/1"),
        ("https://[", "", "1", "https://blog.example/feeds/1"),
        ("", "", "//cdn.example/1", "https://cdn.example/1"),
        ("", "", "?p=1", "https://blog.example/feeds/main.xml?p=1"),
    ],
)
def test_links_are_relative_to_what_xml_base_says(feed_base: str, entry_base: str, href: str, link: str) -> None:
    """Of the feed, of the entry, one relative to the other; else to the address of the document."""
    text = f'<feed xml:base="{feed_base}"><entry xml:base="{entry_base}"><link href="{href}"/></entry></feed>'
    assert entries(text) == [{"link": link}]
    text = (
        f'<rss xml:base="{feed_base}"><channel><item xml:base="{entry_base}"><link>{href}</link></item></channel></rss>'
    )
    assert entries(text) == [{"link": link}]


def thirty(bad: str) -> list[Entry]:
    """Return the entries of a feed of thirty, of which the seventh holds something bad."""
    items = [
        f"<item><guid>n{number}</guid><title>{bad if number == 7 else ''}T{number}</title></item>"
        for number in range(30)
    ]
    return entries(f"<rss><channel>{''.join(items)}</channel></rss>")


@pytest.mark.parametrize(
    "bad",
    [
        "<![CDATA[\x0b]]>",
        "\x0b",
        "&#11;",
        "&#0;",
        "AT&T ",
        "&nbsp;",
        "&unknown;",
        "?a=1&b=2 ",
        "1 < 2 ",
        "<3 ",
        "<media:thumbnail url='x'/>",
        "<b>bold ",
        "</b>",
        "</i></b>",
        "<br>",
        "<img src=x alt=it's>",
        "<a href='x>y</a>",
        "<!-- -- -->",
        "]]>",
        "\ufffe",
        "<p>" * 200,
        "<a b=1 b=2/>",
    ],
)
def test_one_bad_item_costs_no_other(bad: str) -> None:
    """Thirty arrive, the bad one too, with what can be read of it."""
    found = thirty(bad)
    assert [one["id"] for one in found] == [f"n{number}" for number in range(30)]
    assert found[7]["title"].endswith("T7")
    assert all(one["title"] == f"T{number}" for number, one in enumerate(found) if number != 7)


@pytest.mark.parametrize(
    ("bad", "title"),
    [
        ("<title>T7<link>/7</link></item>", "T7"),
        ("<title>T7</item>", "T7"),
        ("<title>T7</title>", "T7"),
        ("<title>T7", "T7"),
        ("<title>T7</Title><LINK>/7</LINK></ITEM>", "T7"),
        ("<title>T7</titel></item>", "T7"),
    ],
)
def test_forgotten_end_tags_cost_no_other_item(bad: str, title: str) -> None:
    """The next item ends the one before, and the next field the field before."""
    good = "<item><title>{}</title></item>"
    found = entries(f"<rss><channel>{good.format('T6')}<item>{bad}{good.format('T8')}</channel></rss>")
    assert [one["title"] for one in found] == ["T6", title, "T8"]


def test_a_text_that_never_ends_costs_no_other_item() -> None:
    """CDATA whose end is nowhere ends with the next tag, as a comment does."""
    found = entries(
        "<rss><channel><item><title>T6</title></item><item><title><![CDATA[T7</title></item>"
        "<item><title>T8</title></item></channel></rss>"
    )
    assert [one["title"] for one in found] == ["T6", "T7", "T8"]


@pytest.mark.parametrize(
    "start",
    [
        "\n",
        "  \n",
        "\ufeff",
        "\ufeff\ufeff",
        "x\ufeff",
        "<br />\n<b>Warning</b>: mysql_connect() in line 7 ",
        "<!-- hi -->",
    ],
)
def test_what_stands_before_a_feed_is_skipped(start: str) -> None:
    """Blank lines, marks, and what a program says before it says its feed."""
    assert len(entries(start + rss([1, 2]).decode())) == 2


def test_what_stands_behind_a_feed_is_skipped() -> None:
    """Whatever a proxy or a counter adds."""
    assert len(entries(rss([1]).decode() + "<script>x</script><!-- cached -->\0")) == 1


def test_of_a_feed_that_was_cut_off_whole_entries_are_kept() -> None:
    """The last one may have half of its id."""
    text = rss([1, 2, 3]).decode()
    assert [one["id"] for one in entries(text[: text.index("entry-3") + 5])] == ["entry-1", "entry-2"]


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        (rss([1, 2], complete=True).decode(), True),
        (rss([1, 2]).decode(), False),
        (rss([1, 2], complete=True).decode()[:-20], False),
        (rss([1, 2], complete=True).decode().replace("</item>", "", 1), False),
        (rss([1, 2], complete=True).decode().replace("<item>", "<item><b></i>", 1), False),
        (rss([1, 2], complete=True).decode().replace("Entry 1", "AT&T <br> &nbsp;"), True),
    ],
)
def test_a_complete_feed_is_complete_only_if_nothing_was_lost(text: str, complete: bool) -> None:  # noqa: FBT001 - a table
    """What it lacks is removed: that must not be so because its markup is broken."""
    assert read_feed(text, HERE).complete is complete


def test_of_a_long_feed_the_newest_entries_are_kept() -> None:
    """Whether it begins with them or ends; in the order of the document."""
    dated = [f"<item><guid>{year}</guid><pubDate>{year}-01-01</pubDate></item>" for year in range(1971, 2171)]
    old = "".join(
        f"<item><guid>old-{number}</guid><pubDate>1950-01-01</pubDate></item>" for number in range(MAX_ENTRIES)
    )
    for items in (dated, dated[::-1]):
        for body in (f"{''.join(items)}{old}", f"{old}{''.join(items)}", f"{old * 2}{''.join(items)}"):
            found = [one["id"] for one in entries(f"<rss><channel>{body}</channel></rss>")]
            assert len(found) == MAX_ENTRIES
            assert [one for one in found if not one.startswith("old")] == [f"{1971 + n}" for n in range(200)][
                :: 1 if items is dated else -1
            ]


def test_of_a_long_feed_without_dates_the_first_entries_are_kept() -> None:
    """By custom they are the newest."""
    body = "".join(f"<item><guid>{number}</guid></item>" for number in range(3 * MAX_ENTRIES))
    assert [one["id"] for one in entries(f"<rss><channel>{body}</channel></rss>")] == [
        str(n) for n in range(MAX_ENTRIES)
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no markup, expected RSS or Atom"),
        ("Not found", "no markup"),
        ("{}", "no markup"),
        ("<html><body>Back soon</body></html>", "a 'html', expected RSS or Atom"),
        ("<!DOCTYPE html><HTML><rss/></HTML>", "a 'html'"),
        ("<opml><body/></opml>", "a 'opml'"),
        ('<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><rss/>', "entities by entities"),
    ],
)
def test_what_is_no_feed_is_named(text: str, problem: str) -> None:
    """The error says what it is instead."""
    with pytest.raises(NotAFeedError, match=problem):
        read_feed(text, HERE)


def test_no_file_is_read_and_no_address_asked() -> None:
    """An entity of another file stays a name."""
    doctype = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    assert entries(f"{doctype}<rss><channel><item><title>&x;</title></item></channel></rss>") == [{"title": "&x;"}]


def test_an_endless_text_is_cut() -> None:
    """Nobody reads a summary of a megabyte."""
    assert len(item(f"<description>{'x' * 1_000_000}</description>")["summary"]) == 10_000
    assert item(f"<description>{'&amp;' * 100_000}</description>")["summary"] == "&" * 8_000


def test_both_stand_ins_of_the_demo_are_read() -> None:
    """As everybody writes them."""
    assert len(entries(rss(range(20)).decode())) == len(entries(atom(range(20)).decode())) == 20


PIECES = st.sampled_from(
    [
        "<rss>",
        "</rss>",
        "<channel>",
        "<item>",
        "</item>",
        "<title>",
        "</title>",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE x",
        "[<!ENTITY x 'y'>]>",
        "&#0;",
        "&x;",
        "<?xml version='1.0' encoding='",
        "'?>",
        f"<feed xmlns='{ATOM}'>",
        "<entry xml:base='//['>",
        "<author><name>",
        "<rdf:RDF>",
        "<CHANNEL>",
        ">",
        "<a b='",
        "<link href='x'/>",
        "<link rel='enclosure' href='http://['/>",
        "<content type='image/png'>",
        "<guid isPermaLink='x'>https://",
    ]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=4)).map("".join))
def test_any_text_is_a_feed_or_none(text: str) -> None:
    """Nothing else can come of it: no other error, no endless work."""
    try:
        document = read_feed(text, HERE)
    except NotAFeedError:
        return
    assert all(value for one in document.entries for value in one.values())
