"""Whom the service asks on a user's behalf, and how much it takes from them."""

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from demo.sites.http_site import HttpSite, Reply, Request
from nightshift.outcomes import Permanent
from services.sync.connector import SyncFailedError
from services.sync.http.http_client import Web
from services.sync.http.pinned_transport import PinnedTransport

LIMIT = 100_000


class Scripted:
    """Answers everything with `reply`, or path by path."""

    def __init__(self) -> None:
        self.reply: Reply | bytes = Reply(200, {}, b"hello")
        self.paths: dict[str, Reply | bytes] = {}
        self.hang = False

    async def respond(self, request: Request) -> Reply | bytes:
        """Answers, or not."""
        if self.hang:
            await asyncio.Event().wait()
        return self.paths.get(request.path, self.reply)


@pytest.fixture
def script() -> Scripted:
    """What the site answers."""
    return Scripted()


@pytest.fixture
async def site(script: Scripted) -> AsyncIterator[HttpSite]:
    """A site on loopback, which is a private address."""
    async with HttpSite(script.respond) as running:
        yield running


def web(*, allow_private: bool = True, timeout_seconds: float = 5) -> Web:
    """The real one."""
    return Web.open(allow_private=allow_private, max_bytes=LIMIT, timeout_seconds=timeout_seconds, connections=5)


async def test_a_document_comes_whole(site: HttpSite) -> None:
    """Body, status and headers."""
    client = web()
    answer = await client.get(f"{site.url}/a?b=c", {"X-Own": "1"})
    assert (answer.status, answer.body, answer.url) == (200, b"hello", f"{site.url}/a?b=c")
    assert site.requests[0].headers["host"] == site.url.removeprefix("http://")
    await client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
async def test_a_private_address_is_not_asked_however_it_is_written(site: HttpSite, host: str) -> None:
    """What counts is the address that the system connects to."""
    client = web(allow_private=False)
    port = site.url.rpartition(":")[2]
    with pytest.raises((Permanent, SyncFailedError)):
        await client.get(f"http://{host}:{port}/", {})
    assert site.requests == []
    await client.close()


async def test_a_redirect_to_a_private_address_is_not_followed(site: HttpSite, script: Scripted) -> None:
    """Each hop is checked like the first."""
    async with HttpSite(Scripted().respond) as inside:
        script.reply = Reply(302, {"Location": f"{inside.url}/latest/meta-data/"})
        client = web(allow_private=False)
        with pytest.raises(Permanent, match="not on the public internet"):
            await client.get(f"{site.url}/", {}, trusted=site.url)
        assert len(site.requests) == 1
        assert inside.requests == []
        await client.close()


class Recorder(httpx.AsyncBaseTransport):
    """Notes which requests would go out."""

    def __init__(self, refuse: Sequence[str] = ()) -> None:
        self.requests: list[httpx.Request] = []
        self._refuse = refuse

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers 204, or refuses the connection."""
        self.requests.append(request)
        if request.url.host in self._refuse:
            raise httpx.ConnectError("refused")
        return httpx.Response(204, stream=httpx.ByteStream(b""))


class NameServer:
    """Gives these answers, one after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        """One answer; the last one stays."""
        del port
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    """A name server that answers differently the second time gains nothing: it is asked once."""
    names, recorder = NameServer(["93.184.216.34"], ["127.0.0.1"]), Recorder()
    transport = PinnedTransport(recorder, allow_private=False, resolve=names)
    await transport.handle_async_request(httpx.Request("GET", "https://feed.example/a"))
    (request,) = recorder.requests
    assert str(request.url) == "https://93.184.216.34/a"
    assert request.headers["host"] == "feed.example"
    assert request.extensions["sni_hostname"] == "feed.example"
    with pytest.raises(Permanent):
        await transport.handle_async_request(httpx.Request("GET", "https://feed.example/a"))


async def test_one_private_address_among_public_ones_is_enough() -> None:
    """Nobody has a good reason for such a name."""
    recorder = Recorder()
    names = NameServer(["93.184.216.34", "169.254.169.254"])
    transport = PinnedTransport(recorder, allow_private=False, resolve=names)
    with pytest.raises(Permanent):
        await transport.handle_async_request(httpx.Request("GET", "http://feed.example/"))
    assert recorder.requests == []


async def test_both_families_of_addresses_are_tried() -> None:
    """A machine may have IPv6 only, or IPv4 only, whatever order the name server has."""
    old, new = [f"93.184.216.{number}" for number in (34, 35, 36)], "2606:2800:220:1::1"
    for addresses, expected in (([*old, new], [old[0], new]), ([new, *old], [new, old[0]])):
        recorder = Recorder(refuse=old if expected[-1] == new else [new])
        transport = PinnedTransport(recorder, allow_private=False, resolve=NameServer(addresses))
        response = await transport.handle_async_request(httpx.Request("GET", "http://feed.example/"))
        assert response.status_code == 204
        assert [request.url.host for request in recorder.requests] == expected


@pytest.mark.parametrize("host", ["xn--ls8h.la", "\N{PILE OF POO}.la", "xn--mller-kva.example", "müller.example"])
async def test_a_host_may_have_any_name_that_can_be_looked_up(host: str) -> None:
    """Also one that IDNA 2008 does not know, by its characters or by their code."""
    names, recorder = NameServer(["93.184.216.34"]), Recorder()
    guarded = PinnedTransport(recorder, allow_private=False, resolve=names)
    client = Web(recorder, guarded, max_bytes=LIMIT, timeout_seconds=5)
    await client.get(f"https://{host}/feed", {})
    name = "xn--ls8h.la" if host.endswith("la") else "xn--mller-kva.example"
    assert names.asked == [name]
    assert recorder.requests[0].headers["host"] == name
    assert recorder.requests[0].extensions["sni_hostname"] == name


async def test_a_proxy_is_used_if_it_is_set(script: Scripted) -> None:
    """It gets the request with the host's name, which only it may be able to look up."""
    async with HttpSite(script.respond) as proxy:
        client = Web.open(
            allow_private=False, max_bytes=LIMIT, timeout_seconds=5, connections=5, proxy=f"http://{proxy.url[7:]}"
        )
        answer = await client.get("http://feed.invalid/a", {})
        assert (answer.status, proxy.requests[0].target) == (200, "http://feed.invalid/a")
        assert proxy.requests[0].headers["host"] == "feed.invalid"
        with pytest.raises(Permanent, match="not on the public internet"):
            await client.get("http://127.0.0.1:9/", {})
        await client.close()


async def test_proxies_of_the_environment_are_not_used(site: HttpSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a user's account names goes to whom somebody else has set up."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    client = web()
    assert (await client.get(site.url, {})).status == 200
    await client.close()


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    """A host may have several."""
    recorder = Recorder(refuse=["2606:2800:220:1::1"])
    names = NameServer(["2606:2800:220:1::1", "93.184.216.34"])
    transport = PinnedTransport(recorder, allow_private=False, resolve=names)
    response = await transport.handle_async_request(httpx.Request("GET", "http://feed.example/"))
    assert response.status_code == 204
    assert [request.url.host for request in recorder.requests] == ["2606:2800:220:1::1", "93.184.216.34"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "begins with 'file'"),
        ("gopher://example.com/", "expected http or https"),
        ("//example.com/", "expected http or https"),
        ("http://", "expected http or https"),
        ("http://ada:secret@example.com/", "contains credentials"),
        ("http://[::1", "is not valid"),
        ("http://example.com:99999/", "is not valid"),
        ("nonsense", "expected http or https"),
    ],
)
async def test_an_address_that_is_none_is_refused(url: str, problem: str) -> None:
    """Only http and https exist, and credentials have their own place."""
    client = web()
    with pytest.raises(Permanent, match=problem):
        await client.get(url, {})
    await client.close()


async def test_redirects_have_an_end(site: HttpSite, script: Scripted) -> None:
    """A circle is left after a few rounds."""
    script.reply = Reply(302, {"Location": "/again"})
    client = web()
    with pytest.raises(SyncFailedError, match="redirects more than 5 times"):
        await client.get(site.url, {})
    assert len(site.requests) == 6
    await client.close()


async def test_a_redirect_to_another_scheme_is_refused(site: HttpSite, script: Scripted) -> None:
    """No file is read because a server says so."""
    script.reply = Reply(302, {"Location": "file:///etc/passwd"})
    client = web()
    with pytest.raises(Permanent):
        await client.get(site.url, {})
    await client.close()


async def test_a_large_answer_is_refused(site: HttpSite, script: Scripted) -> None:
    """At its limit it is still taken, beyond not."""
    script.paths = {"/fits": Reply(200, {}, b"x" * LIMIT), "/more": Reply(200, {}, b"x" * (LIMIT + 1))}
    client = web()
    assert len((await client.get(f"{site.url}/fits", {})).body) == LIMIT
    with pytest.raises(SyncFailedError, match="more than 100,000 bytes"):
        await client.get(f"{site.url}/more", {})
    await client.close()


async def test_of_a_larger_document_its_beginning_may_be_enough(site: HttpSite, script: Scripted) -> None:
    """A feed has its newest entries there."""
    script.paths = {
        "/plain": Reply(200, {}, b"<" * (LIMIT + 1)),
        "/packed": Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(b"<" * 10 * LIMIT)),
        "/fits": Reply(200, {}, b"<" * LIMIT),
    }
    client = web()
    for path, is_cut in (("/plain", True), ("/packed", True), ("/fits", False)):
        answer = await client.get(f"{site.url}{path}", {}, may_cut=True)
        assert (len(answer.body), answer.is_cut) == (LIMIT, is_cut)
    await client.close()


async def test_a_bomb_is_not_unpacked(site: HttpSite, script: Scripted) -> None:
    """A hundred megabytes in a hundred kilobytes: the limit holds for what comes out, and while it comes out."""
    script.reply = Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(100_000_000)))
    client = web()
    tracemalloc.start()
    with pytest.raises(SyncFailedError, match="more than 100,000 bytes"):
        await client.get(site.url, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    await client.close()


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("gzip", b"not packed at all", "damaged"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-20], "cut off"),
        ("br", b"x", "not asked for"),
    ],
)
async def test_a_wrongly_packed_answer_is_a_failed_attempt(
    site: HttpSite, script: Scripted, encoding: str, body: bytes, problem: str
) -> None:
    """It is said what is wrong with it."""
    script.reply = Reply(200, {"Content-Encoding": encoding}, body)
    client = web()
    with pytest.raises(SyncFailedError, match=problem):
        await client.get(site.url, {})
    await client.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_a_broken_answer_is_a_failed_attempt(site: HttpSite, script: Scripted, raw: bytes) -> None:
    """Whatever comes over the wire."""
    script.reply = raw
    client = web()
    with pytest.raises(SyncFailedError, match=r"no answer from 127\.0\.0\.1"):
        await client.get(site.url, {})
    await client.close()


async def test_an_answer_has_its_time(site: HttpSite, script: Scripted) -> None:
    """A server that says nothing does not hold the job."""
    script.hang = True
    client = web(timeout_seconds=0.2)
    started = time.monotonic()
    with pytest.raises(SyncFailedError):
        await client.get(site.url, {})
    assert time.monotonic() - started < 3
    await client.close()


async def test_a_server_that_drips_has_no_more_time(site: HttpSite) -> None:
    """The time is for the whole answer, not for each piece of it."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()

    del site
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    client = web(timeout_seconds=0.3)
    with pytest.raises(SyncFailedError, match="did not answer within"):
        await client.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {})
    server.close()
    await client.close()


async def test_nobody_there_is_a_failed_attempt() -> None:
    """No server, no host."""
    client = web()
    with pytest.raises(SyncFailedError, match=r"no answer from 127\.0\.0\.1"):
        await client.get("http://127.0.0.1:9/", {})
    with pytest.raises(SyncFailedError, match="has no address"):
        await client.get("http://nobody.invalid/", {})
    await client.close()


async def test_cookies_are_not_kept(site: HttpSite, script: Scripted) -> None:
    """Accounts of one host do not meet in a session."""
    script.reply = Reply(200, {"Set-Cookie": "session=1"}, b"")
    client = web()
    await client.get(site.url, {})
    await client.get(site.url, {})
    assert "cookie" not in site.requests[1].headers
    await client.close()
