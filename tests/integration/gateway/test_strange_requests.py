"""Whatever is sent, the answer is one that the documents name, and never a fault of the gateway."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightshift.embedded.processes.ports import LOOPBACK
from tests.integration.gateway.harness import Gateway

MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NAMES = st.sampled_from(
    [
        "Authorization",
        "Idempotency-Key",
        "Content-Type",
        "Content-Encoding",
        "Content-Length",
        "Expect",
        "Accept",
        "traceparent",
        "Prefer",
        "X-Forwarded-For",
        "Origin",
        "Range",
        "If-None-Match",
        "Transfer-Encoding",
        "Cookie",
        "Content-Digest",
        "Content-Disposition",
        "Access-Control-Request-Method",
        "Connection",
        "Upgrade",
        "TE",
    ]
).map(str.encode) | st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}", fullmatch=True)
VALUES = st.binary(max_size=60).map(lambda value: value.translate(None, b"\r\n\0"))
PATHS = st.sampled_from(
    [
        "/v1/jobs/email.send",
        "/v1/jobs/email.send/batch",
        "/v1/jobs/email.send/x",
        "/v1/jobs/x",
        "/openapi.json",
        "/docs",
        "/problems/x",
        "/v1/jobs/email.send/%00",
        "/v1/jobs/email.send/%2F..%2F",
        "//",
        "/v1/jobs//batch",
        "/v1/jobs/email.send/%ff",
        "/v1/files",
        "/v1/files/x",
        "/v1/uploads",
        "/webhooks/x",
    ]
).map(str.encode) | st.binary(max_size=40).map(lambda path: b"/" + path.translate(None, b"\r\n\0 "))
QUERIES = st.just(b"") | st.binary(max_size=40).map(lambda query: b"?" + query.translate(None, b"\r\n\0 #"))
METHODS = st.sampled_from([b"GET", b"POST", b"DELETE", b"PUT", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"NONSENSE"])
BODIES = (
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"to": st.text(max_size=30), "subject": st.text(max_size=10), "body": st.text(max_size=10)},
        optional={"cc": st.lists(st.text(max_size=5), max_size=3), "attachments": st.lists(st.text(), max_size=2)},
    ).map(lambda value: json.dumps(value).encode())
)


async def ask(port: int, request: bytes) -> list[int]:
    """The statuses of what is answered until the server closes, or has no more to say."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(request)
    writer.write_eof()
    try:
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
    return [int(part.split(b" ")[0]) for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


@MANY
@given(target=st.tuples(METHODS, PATHS, QUERIES), headers=st.lists(st.tuples(NAMES, VALUES), max_size=6), body=BODIES)
async def test_any_request_of_a_stranger(
    door: Gateway, target: tuple[bytes, bytes, bytes], headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Without credentials that count."""
    lines = [b"%b: %b" % header for header in headers]
    head = b"\r\n".join([b"%b %b%b HTTP/1.1" % target, b"Host: a", *lines])
    length = (
        b"" if any(name.lower() == b"content-length" for name, _ in headers) else b"\r\nContent-Length: %d" % len(body)
    )
    assert all(status < 500 or status == 505 for status in await ask(door.port, head + length + b"\r\n\r\n" + body))


@MANY
@given(
    path=st.sampled_from(["/v1/jobs/email.send", "/v1/jobs/email.send/batch"]),
    query=QUERIES,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=3),
    body=BODIES,
)
async def test_any_request_of_somebody_who_may(
    door: Gateway, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """With a key that may do everything."""
    key = (await _key(door))["Authorization"].encode()
    own = [(name, value) for name, value in headers if name.lower() not in _FRAMING]
    lines = [b"%b: %b" % header for header in [(b"Authorization", key), (b"Content-Type", b"application/json"), *own]]
    head = b"\r\n".join([b"POST %b%b HTTP/1.1" % (path.encode(), query), b"Host: a", *lines])
    statuses = await ask(door.port, head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert statuses
    assert all(status < 500 for status in statuses), statuses


_FRAMING = {b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection"}
_keys: dict[str, dict[str, str]] = {}


async def _key(door: Gateway) -> dict[str, str]:
    """A key that may do everything, one for all examples."""
    if door.url not in _keys:
        _keys[door.url] = await door.key(
            "jobs:write", "jobs:read", "jobs:cancel", "files:read", "files:write", requestsPerSecond=1e6
        )
    return _keys[door.url]
