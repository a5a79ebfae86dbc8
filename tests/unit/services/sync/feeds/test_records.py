"""Each entry becomes a record of its own, under an id that stays."""

from services.sync.connector import Record
from services.sync.feeds.document import read_feed
from services.sync.feeds.records import records_of

ATOM = "http://www.w3.org/2005/Atom"


def records(*items: str) -> list[Record]:
    """Return the records of an RSS feed."""
    inner = "".join(f"<item>{one}</item>" for one in items)
    return records_of(read_feed(f"<rss><channel>{inner}</channel></rss>", "https://blog.example/feed"))


def atom_records(*entries: str) -> list[Record]:
    """Return the records of an Atom feed."""
    inner = "".join(f"<entry>{one}</entry>" for one in entries)
    return records_of(read_feed(f'<feed xmlns="{ATOM}">{inner}</feed>', "https://blog.example/feed"))


def ids(found: list[Record]) -> list[str]:
    """Return their ids."""
    return [record.external_id for record in found]


def test_an_entry_is_known_by_its_id() -> None:
    """A `guid`, or Atom's `id`."""
    assert ids(records("<guid>a</guid><link>/1</link>", "<guid>b</guid><link>/1</link>")) == ["a", "b"]
    assert ids(atom_records("<id>urn:a</id>")) == ["urn:a"]


def test_an_entry_without_an_id_is_known_by_its_link() -> None:
    """If that is its own."""
    assert ids(records("<link>/1</link>", "<link>/2</link>")) == ["https://blog.example/1", "https://blog.example/2"]


def test_an_entry_without_either_is_known_by_what_it_says() -> None:
    """The same at each reading, and another for other words."""
    first, second = ids(records("<title>A</title>", "<title>B</title>"))
    assert first.startswith("sha256:")
    assert first != second
    assert ids(records("<title>B</title>")) == [second]


def test_an_id_that_all_entries_share_is_none() -> None:
    """Feeds put the address of the site there; five items are five records."""
    home = "<guid>https://blog.example/</guid>"
    found = ids(records(*(f"{home}<link>/{number}</link>" for number in range(5))))
    assert found == [f"https://blog.example/{number}" for number in range(5)]


def test_where_id_and_link_are_shared_what_an_entry_says_makes_it_one() -> None:
    """Each title is a record."""
    home = "<guid>https://blog.example/</guid><link>https://blog.example/</link>"
    assert len(set(ids(records(*(f"{home}<title>{number}</title>" for number in range(5)))))) == 5


def test_the_same_item_twice_is_one_record() -> None:
    """Of an RSS feed: with the same id, link and title."""
    assert ids(records(*["<guid>a</guid><link>/1</link><title>T</title>"] * 2)) == ["a"]


def test_of_versions_of_an_atom_entry_the_newest_counts() -> None:
    """RFC 4287 §4.1.1: entries with one id are one entry at different times."""
    versions = [f"<id>urn:a</id><title>T{day}</title><updated>2026-02-0{day}T08:00:00Z</updated>" for day in (1, 3, 2)]
    (record,) = atom_records(*versions)
    assert (record.external_id, record.data["title"]) == ("urn:a", "T3")


def test_what_is_shown_on_one_line_is_one_line() -> None:
    """However a title is broken in its document; what cannot be an address of a page is none."""
    (record,) = records("<title>A\n   title</title><link>javascript:alert(1)</link><pubDate>never</pubDate>")
    assert record.data == {
        "title": "A title",
        "url": None,
        "summary": None,
        "author": None,
        "published": None,
        "updated": None,
    }


def test_content_stands_in_for_a_summary() -> None:
    """Where there is none."""
    (record,) = atom_records("<content>C</content>")
    assert record.data["summary"] == "C"
