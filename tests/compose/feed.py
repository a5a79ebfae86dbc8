"""A site with a feed, run in a container of the stack: `/<seconds>` is an Atom document that takes so long to come."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ENTRY = (
    "<entry><id>urn:entry:{0}</id><title>Entry {0}</title><updated>2026-03-01T12:00:00Z</updated>"
    '<author><name>Ada</name></author><link href="https://blog.example/{0}"/></entry>'
)
_FEED = (
    '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
    "<id>urn:feed</id><title>A blog</title><updated>2026-03-01T12:00:00Z</updated>{}</feed>"
)


class Feed(BaseHTTPRequestHandler):
    """Answers every GET with the same three entries."""

    def do_GET(self) -> None:
        """Waits as long as the path says, and answers."""
        time.sleep(float(self.path.strip("/") or 0))
        body = _FEED.format("".join(_ENTRY.format(number) for number in range(3))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/atom+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Feed).serve_forever()
