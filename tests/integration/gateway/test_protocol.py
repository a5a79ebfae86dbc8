"""HTTP on raw sockets: what is no HTTP, too long or too slow is told and cut off, and the client sees the answer."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.gateway.body import read_body
from nightshift.gateway.exchange import Exchanges
from nightshift.gateway.operation import Call, Operation
from nightshift.gateway.problems import Problem
from nightshift.gateway.resource import Resource
from nightshift.heartbeat import Heartbeat
from nightshift.http.connection_limits import ConnectionLimits
from nightshift.http.server import protocol_config, serve_http
from nightshift.messaging.tracing import NO_TRACING
from tests.integration.gateway.harness import raw

LIMIT = 100_000
HEAD = b"Host: gateway\r\n"
QUICK = ConnectionLimits(
    head_seconds=0.6, first_byte_seconds=0.6, window_seconds=0.6, linger_seconds=0.6, stalled_answer_seconds=0.6
)
"""Ends what is slow within a test's patience."""


async def echo(call: Call) -> Response:
    """Answer with the body."""
    return Response(await read_body(call.request, LIMIT))


async def refuse(_call: Call) -> Response:
    """Answer without reading the body."""
    raise Problem("unauthorized")


async def large(_call: Call) -> Response:
    """Answer with more than a socket holds."""
    return Response(b"x" * 50_000_000)


def application() -> ASGIApp:
    """The gateway's own layers around these."""
    operations = {
        "/": [Operation(method, "/", echo, None) for method in ("GET", "POST")],
        "/refuse": [Operation("POST", "/refuse", refuse, None)],
        "/large": [Operation("GET", "/large", large, None)],
    }
    nobody: Any = None
    return Exchanges(
        Starlette(routes=[Route(path, Resource(all_of, nobody, NO_TRACING)) for path, all_of in operations.items()])
    )


@asynccontextmanager
async def serving(limits: ConnectionLimits) -> AsyncIterator[int]:
    """The port of a server with these limits."""
    listening = socket.create_server((LOOPBACK, 0))
    listening.setblocking(False)
    stop = asyncio.Event()
    config = protocol_config(application(), limits, Problem, drain_seconds=5)
    running = asyncio.create_task(serve_http([listening], config, stop, Heartbeat()))
    try:
        yield int(listening.getsockname()[1])
    finally:
        stop.set()
        await running


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    """A server with the limits of service."""
    async with serving(ConnectionLimits()) as at:
        yield at


@pytest.fixture(scope="module")
async def quick() -> AsyncIterator[int]:
    """A server that loses its patience soon."""
    async with serving(QUICK) as at:
        yield at


def status(answer: bytes) -> int:
    """The status of the first answer; 0 without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def code(answer: bytes) -> str:
    """The code of the problem in the first answer."""
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])


NOT_HTTP = {
    "nonsense": b"nonsense\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "both lengths": b"POST / HTTP/1.1\r\n"
    + HEAD
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "both lengths, the other way round": b"POST / HTTP/1.1\r\n"
    + HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a negative length": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n",
    "a length that is none": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1e3\r\n\r\n",
    "an unknown transfer coding": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "a chunk without a size": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a folded header": b"GET / HTTP/1.1\r\n" + HEAD + b"X: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\n" + HEAD + b"X : a\r\n\r\n",
    "a control character": b"GET / HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n",
    "bytes in the path": b"GET /\xff HTTP/1.1\r\n" + HEAD + b"\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol with a body": b"POST / HTTP/1.1\r\n"
    + HEAD
    + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_no_http_is_told_and_is_the_last(port: int, sent: bytes) -> None:
    """One answer with a problem, then the end; a request that was hidden behind it is not answered."""
    answer = await raw(port, sent + b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (status(answer), code(answer)) == (400, "bad-request")
    assert b"connection: close\r\n" in answer
    assert answer.count(b"content-length: ") == 1


async def test_other_versions_are_refused(port: int) -> None:
    """HTTP/1.1 is spoken, and 1.0, which proxies still speak."""
    assert status(await raw(port, b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n")) == 505
    assert status(await raw(port, b"GET / HTTP/1.0\r\n\r\n")) == 200


TOO_LONG = {
    "one long field": b"X: " + b"a" * 40_960 + b"\r\n\r\n",
    "many fields": b"X: a\r\n" * 101 + b"\r\n",
    "a field without end": b"X: " + b"a" * 400_000,
    "a long target": None,
}


@pytest.mark.parametrize("sent", TOO_LONG.values(), ids=TOO_LONG)
async def test_a_head_that_is_too_long_is_refused(port: int, sent: bytes | None) -> None:
    """By bytes or by fields, whether it ends or not."""
    long_target = b"GET /" + b"a" * 40_960 + b" HTTP/1.1\r\n\r\n"
    answer = await raw(port, long_target if sent is None else b"GET / HTTP/1.1\r\n" + HEAD + sent)
    assert (status(answer), code(answer)) == (431, "head-too-large")


async def test_a_head_within_the_limits_passes(port: int) -> None:
    """Right up to them."""
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 315) for number in range(97))
    sent = b"GET / HTTP/1.1\r\n" + HEAD + fields + b"Connection: close\r\n\r\n"
    assert 30_000 < len(sent) < 32_768
    assert status(await raw(port, sent)) == 200


async def test_a_head_that_does_not_end_is_cut_off(quick: int) -> None:
    """However steadily it comes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, quick)
    began = time.monotonic()
    writer.write(b"GET / HTTP/1.1\r\n")
    while not (answer := await _within(reader, 0.1)):
        writer.write(b"X: a\r\n")
    assert (status(answer), code(answer + await reader.read())) == (408, "timeout")
    assert time.monotonic() - began < 5
    writer.close()


@pytest.mark.parametrize("said", [b"", b"\r\n"])
async def test_a_connection_that_asks_nothing_is_closed(quick: int, said: bytes) -> None:
    """Without an answer; empty lines are no request."""
    reader, writer = await asyncio.open_connection(LOOPBACK, quick)
    writer.write(said)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("first", [b"", b"a"], ids=["no byte of it", "the first byte of it"])
async def test_a_body_that_does_not_come_is_cut_off(quick: int, first: bytes) -> None:
    """408, while the rest is still awaited."""
    answer = await raw(quick, b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\n" + first)
    assert (status(answer), code(answer)) == (408, "timeout")


async def test_a_body_that_comes_slowly_is_cut_off(quick: int) -> None:
    """A byte now and then is no pace."""
    reader, writer = await asyncio.open_connection(LOOPBACK, quick)
    writer.write(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100000\r\n\r\n")
    while not (answer := await _within(reader, 0.1)):
        writer.write(b"a")
    assert status(answer) == 408
    writer.close()


async def test_a_body_that_keeps_the_pace_passes(quick: int) -> None:
    """Though it takes longer than any one deadline."""
    reader, writer = await asyncio.open_connection(LOOPBACK, quick)
    writer.write(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 20000\r\nConnection: close\r\n\r\n")
    for _ in range(19):
        writer.write(b"a" * 1000)
        assert await _within(reader, 0.1) == b""
    writer.write(b"a" * 1000)
    answer = await reader.read()
    assert (status(answer), answer.count(b"a" * 20_000)) == (200, 1)
    writer.close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(quick: int) -> None:
    """It would hold the answer in memory for ever."""

    def wait_without_reading() -> bytes:
        with socket.create_connection((LOOPBACK, quick), timeout=10) as client:
            client.sendall(b"GET /large HTTP/1.1\r\n" + HEAD + b"\r\n")
            time.sleep(2)  # it is the slow client
            answer = b""
            while got := _received(client):
                answer += got
            return answer

    answer = await asyncio.to_thread(wait_without_reading)
    assert len(answer) < 50_000_000


async def _within(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """What comes within a time."""
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(65_536)
    except TimeoutError:
        return b""


async def test_a_body_that_is_too_long_is_refused_by_its_length(port: int) -> None:
    """Before its first byte."""
    answer = await raw(port, b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100001\r\n\r\n")
    assert (status(answer), code(answer)) == (413, "too-large")
    assert b"100 Continue" not in answer


async def test_whoever_asks_before_sending_a_body_is_told(port: int) -> None:
    """`Expect: 100-continue` gets a 100 where the body is wanted, and else the refusal at once."""
    head = b"POST / HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nConnection: close\r\n"
    refused = await raw(port, head + b"Content-Length: 100001\r\n\r\n")
    assert (status(refused), b"100 Continue" in refused) == (413, False)
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(head + b"Content-Length: 3\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    answer = await reader.read()
    assert (status(answer), answer.endswith(b"abc")) == (200, True)
    writer.close()


async def test_a_chunked_body_that_grows_too_long_is_refused(port: int) -> None:
    """As soon as it has."""
    chunks = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    answer = await raw(port, b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 10)
    assert (status(answer), code(answer)) == (413, "too-large")


@pytest.mark.parametrize("path", [b"/", b"/refuse"])
async def test_a_client_that_sends_a_gigabyte_all_the_same_reads_its_refusal(port: int, path: bytes) -> None:
    """A blocking client that reads only when it cannot send any more: no reset connection hides the answer from it."""
    answer = await asyncio.to_thread(_send_blindly, port, path, 1_000_000_000)
    assert status(answer) in {401, 413}
    assert b"connection: close" in answer


def _send_blindly(port: int, path: bytes, size: int) -> bytes:
    piece = b"a" * 65_536
    with socket.create_connection((LOOPBACK, port), timeout=20) as client:
        client.sendall(b"POST " + path + b" HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % size)
        sent = 0
        try:
            while sent < size:
                sent += client.send(piece)
        except (ConnectionError, TimeoutError):
            pass
        assert sent < size / 10
        answer = b""
        while got := _received(client):
            answer += got
        return answer


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(65_536)
    except ConnectionError:
        return b""


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    """Also the last one, which closes."""
    one = b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\n"
    answer = await raw(
        port, b"".join([one + b"\r\n" + b"%d" % number for number in range(9)]), one + b"Connection: close\r\n\r\n9"
    )
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"%d" % number for number in range(10)]


async def test_an_error_in_the_next_request_does_not_take_the_place_of_this_ones_answer(port: int) -> None:
    """It ends the connection after it."""
    good = b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok"
    answer = await raw(port, good + b"nonsense\r\n\r\n")
    assert status(answer) == 200
    assert answer.partition(b"\r\n\r\n")[2].startswith(b"ok")


async def test_fields_behind_a_body_are_nobodys(port: int) -> None:
    """A trailer cannot add what the head did not say."""
    sent = (
        b"POST / HTTP/1.1\r\n"
        + HEAD
        + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: x\r\n\r\n"
    )
    answer = await raw(port, sent)
    assert (status(answer), answer.endswith(b"abc")) == (200, True)


async def test_a_client_that_has_said_all_gets_its_answer(port: int) -> None:
    """One that closes its side after the request, as scripts with nc do."""
    answer = await raw(port, b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\n\r\nabc", half_close=True)
    assert (status(answer), answer.endswith(b"abc")) == (200, True)


async def test_half_a_body_is_no_request(port: int) -> None:
    """Whoever goes away in the middle gets nothing, and leaves nothing."""
    assert await raw(port, b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nhalf", half_close=True) == b""


async def test_a_connection_is_used_again(port: int) -> None:
    """After an answer to a whole request."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\n\r\nabc")
        head = await reader.readuntil(b"\r\n\r\n")
        assert (status(head), await reader.readexactly(3)) == (200, b"abc")
    writer.close()


async def test_a_connection_too_many_is_told_so() -> None:
    """503, and the others go on."""
    async with serving(ConnectionLimits(connections=2)) as at:
        first = [await asyncio.open_connection(LOOPBACK, at) for _ in range(2)]
        await asyncio.sleep(0.05)
        answer = await raw(at)
        assert (status(answer), code(answer)) == (503, "busy")
        for reader, writer in first:
            writer.write(b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
            assert status(await reader.read()) == 200
            writer.close()


async def test_slow_clients_do_not_slow_others(quick: int) -> None:
    """Two hundred that send a byte now and then are no load."""
    slow = [await asyncio.open_connection(LOOPBACK, quick) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000\r\n\r\na")
    began = time.monotonic()
    for _ in range(20):
        assert status(await raw(quick, b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")) == 200
    assert time.monotonic() - began < 5
    for _, writer in slow:
        writer.close()
