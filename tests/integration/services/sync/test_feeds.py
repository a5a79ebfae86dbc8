"""What becomes of a feed's entries."""

import gzip

import pytest

from demo.sites.feed_site import ATOM_TYPE, MODIFIED, RSS_TYPE, atom, rss
from demo.sites.http_site import Reply
from services.sync.connector import SyncFailedError
from tests.integration.services.sync.desk import Desk


async def test_rss_entries_become_records(desk: Desk) -> None:
    """Under their `guid`, with dates in one form."""
    desk.feeds.documents["/feed"] = (rss([1, 2]), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    records = await desk.records(message)
    assert list(records) == ["entry-1", "entry-2"]
    assert records["entry-1"]["kind"] == "entry"
    assert records["entry-1"]["data"] == {
        "title": "Entry 1",
        "url": "https://blog.example/1",
        "summary": "<p>Text 1</p>",
        "author": None,
        "published": "2026-03-01T12:01:00Z",
        "updated": None,
    }


async def test_atom_entries_become_records(desk: Desk) -> None:
    """Under their `id`; of XHTML the text."""
    desk.feeds.documents["/feed"] = (atom([1]), ATOM_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    assert (await desk.records(message))["urn:entry:1"]["data"] == {
        "title": "Entry 1",
        "url": "https://blog.example/1",
        "summary": "Text 1",
        "author": "Ada",
        "published": None,
        "updated": "2026-03-01T11:01:00Z",
    }


async def test_a_feed_is_asked_conditionally(desk: Desk) -> None:
    """With both that it gave; unchanged, its entries count as seen."""
    desk.feeds.documents["/feed"] = (rss([1, 2]), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    await desk.run(message)
    headers = desk.feed_site.requests[1].headers
    assert headers["if-none-match"].startswith('"')
    assert headers["if-modified-since"] == MODIFIED
    assert {record["generation"] for record in (await desk.records(message)).values()} == {2}
    assert desk.metrics.pages["feed", "unchanged"] == 1


async def test_an_entry_that_has_slid_out_of_the_feed_stays(desk: Desk) -> None:
    """A feed shows the newest: what it no longer shows still exists. It is rewritten when it changes."""
    desk.feeds.documents["/feed"] = (rss([1, 2]), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    desk.feeds.documents["/feed"] = (rss([2, 3], title="New title"), RSS_TYPE)
    await desk.run(message)
    records = await desk.records(message)
    assert {name: record["data"]["title"] for name, record in records.items()} == {
        "entry-1": "Entry 1",
        "entry-2": "New title 2",
        "entry-3": "New title 3",
    }


async def test_a_complete_feed_removes_what_it_no_longer_has(desk: Desk) -> None:
    """RFC 5005 §2: such a feed says that it has all there is."""
    desk.feeds.documents["/feed"] = (rss([1, 2], complete=True), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    desk.feeds.documents["/feed"] = (rss([2], complete=True), RSS_TYPE)
    await desk.run(message)
    await desk.run(message)
    assert list(await desk.records(message, removed=True)) == ["entry-1"]
    assert list(await desk.records(message)) == ["entry-2"]


@pytest.mark.parametrize("status", [400, 403, 404, 451, 500, 503])
async def test_a_feed_that_may_come_back_is_a_failed_attempt(desk: Desk, status: int) -> None:
    """Its account stays as it is."""
    desk.feeds.script.append(Reply(status))
    message = await desk.link_feed()
    with pytest.raises(SyncFailedError, match=f"answered {status}"):
        await desk.run(message)
    assert (await desk.account(message))["status"] == "active"


async def test_one_bad_item_does_not_cost_the_others(desk: Desk) -> None:
    """A control character, a bare ampersand, an entity of HTML, a byte of another encoding, an unknown prefix."""
    bad = b"\x0b &#11; AT&T &nbsp; \x92 <media:thumbnail url='x'/>"
    desk.feeds.documents["/feed"] = (b"\n" + rss(range(30)).replace(b"Entry 7", b"Entry 7" + bad), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    records = await desk.records(message)
    assert len(records) == 30
    assert records["entry-7"]["data"]["title"] == "Entry 7 AT&T \u2019"


async def test_something_that_is_no_feed_is_a_failed_attempt(desk: Desk) -> None:
    """A page that says that the site is being worked on, with 200: said, and nothing is lost."""
    desk.feeds.documents["/feed"] = (rss([1], complete=True), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    desk.feeds.script.append(Reply(200, {"Content-Type": "text/html"}, b"<html><p>Back soon</p></html>"))
    with pytest.raises(SyncFailedError, match="expected RSS"):
        await desk.run(message)
    assert len(await desk.records(message)) == 1


async def test_credentials_are_a_name_and_password_or_a_token(desk: Desk) -> None:
    """Basic with a colon, Bearer without."""
    desk.feeds.documents["/feed"] = (rss([1]), RSS_TYPE)
    await desk.run(await desk.link_feed(credentials="ada:made-up"))
    await desk.run(await desk.link_feed(credentials="made-up-token"))
    sent = [request.headers["authorization"] for request in desk.feed_site.requests]
    assert sent == ["Basic YWRhOm1hZGUtdXA=", "Bearer made-up-token"]


async def test_a_packed_feed_is_unpacked(desk: Desk) -> None:
    """What is asked for is what is understood."""
    body = rss([1])
    desk.feeds.documents["/feed"] = (gzip.compress(body), {**RSS_TYPE, "Content-Encoding": "gzip"})
    message = await desk.link_feed()
    await desk.run(message)
    assert desk.feed_site.requests[0].headers["accept-encoding"] == "gzip, deflate"
    assert list(await desk.records(message)) == ["entry-1"]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("aws-chunked", rss([1])), ("utf-8", rss([1])), ("none", rss([1])), ("gzip", rss([1])), ("gzip, identity", b"")],
)
async def test_a_feed_that_is_called_what_it_is_not_is_read(desk: Desk, encoding: str, body: bytes) -> None:
    """Object stores and misconfigured servers add content encodings that are none."""
    body = body or gzip.compress(rss([1]))
    desk.feeds.documents["/feed"] = (body, {**RSS_TYPE, "Content-Encoding": encoding})
    message = await desk.link_feed()
    await desk.run(message)
    assert list(await desk.records(message)) == ["entry-1"]


async def test_of_a_feed_whose_packing_breaks_off_there_is_what_arrived(desk: Desk) -> None:
    """Nothing is removed for being behind the break, and the next round asks for the whole."""
    headers = {**RSS_TYPE, "Content-Encoding": "gzip"}
    whole = gzip.compress(rss(range(300), complete=True))
    desk.feeds.documents["/feed"] = (whole[: len(whole) // 2], headers)
    message = await desk.link_feed()
    await desk.run(message)
    arrived = len(await desk.records(message))
    assert 50 < arrived < 290
    for body in (whole, whole[: len(whole) // 2], whole[: len(whole) // 2]):
        desk.feeds.documents["/feed"] = (body, headers)
        await desk.run(message)
        assert len(await desk.records(message)) == 300
    assert await desk.records(message, removed=True) == {}


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [("utf8", "text/xml"), (None, "text/xml; charset=utf8"), ("gbk", "text/xml"), (None, 'text/xml; charset="GB2312"')],
)
async def test_a_feed_may_have_any_encoding(desk: Desk, encoding: str | None, content_type: str) -> None:
    """As its declaration says, or its header."""
    declared = "" if encoding is None else f' encoding="{encoding}"'
    text = f'<?xml version="1.0"{declared}?><rss><channel><item><title>你好</title></item></channel></rss>'
    body = text.encode("utf-8" if "utf8" in f"{encoding}{content_type}" else "gbk")
    desk.feeds.documents["/feed"] = (body, {"Content-Type": content_type})
    message = await desk.link_feed()
    await desk.run(message)
    (record,) = (await desk.records(message)).values()
    assert record["data"]["title"] == "你好"


async def test_a_link_is_relative_to_what_the_feed_says(desk: Desk) -> None:
    """And not to where it was found."""
    text = '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/blog/"><entry><id>urn:1</id>'
    body = f'{text}<link href="2026/post.html"/></entry></feed>'.encode()
    desk.feeds.documents["/feed"] = (body, ATOM_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    assert (await desk.records(message))["urn:1"]["data"]["url"] == "https://other.example/blog/2026/post.html"


async def test_items_that_share_an_id_are_records_of_their_own(desk: Desk) -> None:
    """Five items of a site whose feed gives its own address as their id."""
    items = "".join(
        f"<item><guid>https://blog.example/</guid><link>https://blog.example/{number}</link></item>"
        for number in range(5)
    )
    desk.feeds.documents["/feed"] = (f"<rss><channel>{items}</channel></rss>".encode(), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    assert len(await desk.records(message)) == 5


async def test_of_a_feed_that_is_too_large_the_newest_entries_are_read(desk: Desk) -> None:
    """What lies beyond the limit was there before; it is not removed, even if the feed calls itself complete."""
    desk.feeds.documents["/feed"] = (rss([9_999], complete=True), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    desk.feeds.documents["/feed"] = (rss(range(9_000), complete=True), RSS_TYPE)
    assert len(desk.feeds.documents["/feed"][0]) > 1_000_000
    for _ in range(2):
        await desk.run(message)
    records = await desk.records(message)
    assert len(records) == 2_001
    assert "entry-9999" in records


async def test_a_large_feed_is_read_like_any_other(desk: Desk) -> None:
    """In a thread, where it holds up nobody."""
    desk.feeds.documents["/feed"] = (rss(range(1000)), RSS_TYPE)
    message = await desk.link_feed()
    await desk.run(message)
    assert len(await desk.records(message)) == 1000
