"""Garbage in every place of a request: never a fault, never a traceback, never an element of a page."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nightshift.broker import Connection
from tests.harness import stored
from tests.integration.services.console import seed
from tests.integration.services.console.harness import SAME_ORIGIN, Browser, Console
from tests.integration.services.console.test_door import SAMPLES, address, all_routes

GARBAGE = (
    "",
    " ",
    "\x00",
    "\ud800",
    "a" * 1_100,
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    seed.HOSTILE,
    "9" * 18,
    "9" * 19,
    "9" * 40,
    "-1",
    "0",
    "1e309",
    "nan",
    "\u0663",
    "*",
    ">",
    "email.*",
    "cron.x",
    "' OR 1=1 --",
    "%_\\",
    "2026-99-99",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "999999999d",
    "1:email:99999999999999999999999999",
    "nan:email:nan",
    "email:99999999999999999999999999",
    "2026-11-28T00:00:00 a b c",
    "2026-11-28T00:00:00+00:00 a b c",
    "\r\nSet-Cookie: stolen=1",
    "//evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    '{"a": 1e999}',
    "[" * 400,
)
# fmt: off
PARAMETERS = (
    "id", "type", "state", "error", "tenant", "since", "until", "before", "after", "at", "search", "days", "service",
    "reason", "group", "who", "action", "on", "next", "link", "message", "kept", "code", "iss",
)
FIELDS = (
    "reason", "typed", "once", "until", "rate", "canary", "share", "bounds", "stream", "sequence", "body", "name",
    "only-error", "only-since", "only-group", "confirmed", "id", "at", "unrecorded", "field.to", "link",
)
# fmt: on
HARMLESS = frozenset({200, 303, 400, 403, 404, 405, 429, 503})
OUT = "/sign-out"


def text_of(garbage: str) -> bytes:
    """As it stands in an address or a form: also what is no character."""
    return garbage.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
async def root(desk: Console, operator: Connection) -> AsyncIterator[Browser]:
    """The browser of an admin, who has something to see."""
    await seed.waiting(operator, 3)
    await seed.dead(operator, "SmtpError: 550", job_id="one")
    async with desk.person("root") as browser:
        yield browser


async def ask(browser: Browser, method: str, path: str, **more: Any) -> str:
    """Send a request; return what came, which is no fault; of the stream that never ends nothing."""
    async with browser.client.stream(method, path, headers=SAME_ORIGIN, **more) as answer:
        endless = answer.headers.get("content-type", "").startswith("text/event-stream")
        text = "" if endless else (await answer.aread()).decode()
    assert answer.status_code in HARMLESS, f"{method} {path} {more}: {answer.status_code} {text}"
    assert "Traceback" not in text
    assert "stolen" not in answer.headers.get("set-cookie", "")
    assert not re.search(r"<script>alert|<img src=x", text), path
    there = answer.headers.get("location", "/")
    assert there.startswith("/"), there
    assert not there.startswith(("//", "/\\")), there
    return text


async def test_no_parameter_of_an_address_makes_a_fault(root: Browser, tmp_path: Path) -> None:
    """All at once, and each alone; on every page."""
    pages = [route for route in all_routes(tmp_path) if route.method == "GET"]
    for garbage in GARBAGE:
        for route in pages:
            await ask(root, "GET", address(route), params=dict.fromkeys(PARAMETERS, text_of(garbage)))
    for route in pages:
        for number, name in enumerate(PARAMETERS):
            for garbage in GARBAGE[number % 12 :: 12]:
                await ask(root, "GET", address(route), params={name: text_of(garbage)})


async def test_no_part_of_a_path_makes_a_fault(root: Browser, tmp_path: Path) -> None:
    """Also what a proxy decodes, and what would be a folder above."""
    for route in all_routes(tmp_path):
        for name in SAMPLES:
            if f"{{{name}}}" in route.path:
                for garbage in GARBAGE:
                    path = address(route).replace(SAMPLES[name], quote(text_of(garbage), safe=""))
                    await ask(root, route.method, path, **({} if route.method == "GET" else {"data": {"token": "x"}}))


async def test_no_field_of_a_form_makes_a_fault_or_does_anything(
    root: Browser, operator: Connection, tmp_path: Path
) -> None:
    """With the right token, so that the action itself has to refuse it."""
    before = [message.sequence for message in await stored(operator, "EMAIL_DLQ")]
    token = await root.token()
    for route in all_routes(tmp_path):
        if route.method == "GET" or route.path == OUT:
            continue
        for garbage in GARBAGE:
            form = {name: text_of(garbage) for name in FIELDS}
            path = address(route).replace("/1/", "/999/")
            await ask(root, route.method, path, data=form | {"token": token.encode()})
    assert [message.sequence for message in await stored(operator, "EMAIL_DLQ")] == before


RAW = {
    "a host that is not closed": b"GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
    "a host with a user": b"GET / HTTP/1.1\r\nHost: a@127.0.0.1\r\nConnection: close\r\n\r\n",
    "a host that is no host": b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nConnection: close\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "bytes in the parameters": b"GET /?a=\xff HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "a whole address": b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "a path of two slashes": b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "cookies without sense": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ;;==\xff;a\r\nConnection: close\r\n\r\n",
    "a method of its own": b"FLY / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a length that lies": b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", RAW.values(), ids=RAW)
async def test_bytes_that_no_browser_sends_get_an_answer_that_is_no_fault(desk: Console, request_bytes: bytes) -> None:
    """Signed in or not."""
    port = int(desk.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_bytes)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert re.match(rb"HTTP/1\.1 [2345]0?[0-9]{1,2} ", answer), answer[:200]
    assert not answer.startswith(b"HTTP/1.1 500"), answer[:2_000]
    assert b"Traceback" not in answer
