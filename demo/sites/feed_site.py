"""A stand-in for a site with a feed: RSS 2.0 or Atom, with the headers that conditional requests need."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from demo.sites.http_site import Reply, Request

RSS_TYPE = {"Content-Type": "application/rss+xml; charset=utf-8"}
ATOM_TYPE = {"Content-Type": "application/atom+xml; charset=utf-8"}
MODIFIED = "Sun, 01 Mar 2026 12:00:00 GMT"


def rss(numbers: Sequence[int], *, complete: bool = False, title: str = "Entry") -> bytes:
    """Return an RSS 2.0 document (https://www.rssboard.org/rss-specification); `complete` adds the mark of RFC 5005."""
    items = "".join(
        f"<item><title>{escape(title)} {number}</title><link>https://blog.example/{number}</link>"
        f'<guid isPermaLink="false">entry-{number}</guid><pubDate>Sun, 01 Mar 2026 12:{number % 60:02}:00 GMT</pubDate>'
        f"<description>&lt;p&gt;Text {number}&lt;/p&gt;</description></item>"
        for number in numbers
    )
    mark = '<fh:complete xmlns:fh="http://purl.org/syndication/history/1.0"/>' if complete else ""
    head = f"<title>A blog</title><link>https://blog.example/</link><description>Words</description>{mark}"
    text = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{head}{items}</channel></rss>'
    return text.encode()


def atom(numbers: Sequence[int]) -> bytes:
    """Return an Atom document (RFC 4287)."""
    entries = "".join(
        f"<entry><id>urn:entry:{number}</id><title>Entry {number}</title>"
        f'<link rel="self" href="https://blog.example/{number}.atom"/><link href="https://blog.example/{number}"/>'
        f"<updated>2026-03-01T12:{number % 60:02}:00+01:00</updated><author><name>Ada</name></author>"
        f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Text <b>{number}</b></div></content></entry>'
        for number in numbers
    )
    head = "<id>urn:feed</id><title>A blog</title><updated>2026-03-01T12:00:00Z</updated>"
    text = f'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">{head}{entries}</feed>'
    return text.encode()


@dataclass
class FeedSite:
    """A server of `documents` by path; the replies in `script` are sent first."""

    documents: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    script: deque[Reply | bytes] = field(default_factory=deque)

    async def respond(self, request: Request) -> Reply | bytes:
        """Answer as a web server does."""
        if self.script:
            return self.script.popleft()
        if request.path not in self.documents:
            return Reply(404, {"Content-Type": "text/html"}, b"<html><h1>Not Found</h1></html>")
        body, headers = self.documents[request.path]
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Last-Modified": MODIFIED, **headers}
        if request.headers.get("if-none-match") == tag:
            return Reply(304, headers)
        return Reply(200, headers, body)
