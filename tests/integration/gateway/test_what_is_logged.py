"""Nothing of a request reaches a log but method, route, status, sizes, duration, the key's id and the request's id."""

import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.api_keys import making
from tests.servers import serving

MARK = "s3cret"
"""What is sent in every place begins with it; none of it may be found again."""
FIELDS = {"timestamp", "level", "service", "event", "message"} | {
    "method",
    "route",
    "status",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "key",
    "request_id",
}


@dataclass
class Gateway:
    """A running gateway; `key` is the application's own, without a user."""

    stack: Stack
    service: Service
    key: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.stack.gateway_url

    @property
    def port(self) -> int:
        """The port of that."""
        return self.stack.gateway_port.number

    @property
    def log(self) -> Path:
        """What it has written."""
        return self.service.log

    @property
    def key_id(self) -> str:
        """The part of the key that is no secret."""
        return self.key.split("_")[2]

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """A client with the key; `headers` are sent with every request."""
        own = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return httpx.AsyncClient(base_url=self.url, headers=own, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
async def gateway(stack: Stack) -> AsyncIterator[Gateway]:
    """The gateway alone, at work: jobs stay in their queues."""
    await stack.provision()
    service = Service(stack, "gateway", extra={"LOG_FORMAT": "json", "LOG_LEVEL": "debug"})
    async with serving(service):
        made = json.loads(await stack.run("nightshift.cli", *making("tests")))
        yield Gateway(stack, service, made["key"])


def secret(place: str) -> str:
    """A text that names the place where it was sent."""
    return f"{MARK}-{place}"


HEADERS = {
    name: secret(name)
    for name in ("Cookie", "User-Agent", "Referer", "X-Forwarded-For", "X-Request-Id", "Prefer", "Origin", "Range")
} | {"traceparent": "00-5e3c7e7000000000000000000000beef-00f067aa0ba902b7-01", "tracestate": secret("tracestate")}


async def everything(http: httpx.AsyncClient) -> list[int]:
    """Requests of every kind, right and wrong, each with secrets wherever something can be put."""
    mail = {"to": f"{secret('to')}@example.com", "subject": secret("subject"), "body": secret("body")}
    name = secret("name")
    job, file = "/v1/jobs/email.send", "/v1/files"
    sent = [
        await http.post(job, json=mail, headers={"Idempotency-Key": secret("id")}),
        await http.post(job, json=mail, params={"delay": "1h", secret("query"): secret("value")}),
        await http.post(job, json={**mail, "to": secret("not-an-address"), secret("field"): 1}),
        await http.post(job, content=secret("not-json"), headers={"Content-Type": "application/json"}),
        await http.post(job, content=secret("media"), headers={"Content-Type": f"text/{secret('type')}"}),
        await http.post(job, json=mail, params={"delay": secret("delay")}),
        await http.post(f"{job}/batch", json={"jobs": [{"id": secret("batch"), "body": mail}]}),
        await http.get(f"{job}/{secret('job')}"),
        await http.delete(f"{job}/{secret('job')}"),
        await http.post(f"/v1/jobs/{secret('job-type')}", json=mail),
        await http.get(f"/{secret('path')}/nowhere", params={secret("query"): secret("value")}),
        await http.request(secret("METHOD"), file),
        await http.post(
            file,
            content=secret("bytes"),
            params={"filename": name, "userId": secret("user")},
            headers={"Content-Type": "text/plain", "Content-Disposition": f'attachment; filename="{name}"'},
        ),
        await http.post(file, data={"userId": secret("user")}, files={"file": (name, secret("bytes"), "text/plain")}),
        await http.post(file, content=secret("form"), headers={"Content-Type": "multipart/form-data; boundary=x"}),
        await http.get(f"{file}/{secret('file')}"),
        await http.post(f"/webhooks/{secret('source')}", content=secret("event"), headers={"Stripe-Signature": name}),
        await http.post(job, json=mail, headers={"Authorization": f"Bearer {secret('token')}"}),
        await http.post(job, json=mail, headers={"Authorization": f"Basic {secret('basic')}"}),
    ]
    return [answer.status_code for answer in sent]


def raw(port: int, text: str) -> None:
    """Send bytes that are no request, and wait for whatever comes of them."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


GARBAGE = [
    f"{secret('garbage')}\r\n\r\n",
    f"GET /{secret('target')} HTTP/9.9\r\nX: {secret('header')}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: a\r\n{secret('line')}\r\n\r\n",
    f"POST /v1/jobs/email.send HTTP/1.1\r\nHost: a\r\nContent-Length: {secret('length')}\r\n\r\n",
    f"POST / HTTP/1.1\r\nHost: a\r\nX: {secret('both')}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    f"POST /v1/jobs/email.send HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ{secret('chunk')}\r\n",
    f"POST /v1/jobs/email.send HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{secret('half')}",
    "GET / HTTP/1.1\r\nHost: a\r\nX: " + secret("long") * 10_000 + "\r\n\r\n",
]


def said(log: Path) -> list[str]:
    """The lines of a log that hold anything that was sent."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return [line[:300] for line in text.splitlines() if MARK in line or "5e3c7e70" in line]


async def test_a_log_holds_nothing_that_a_request_carries(gateway: Gateway) -> None:
    """Whatever is sent wherever, also what is no request at all; at level debug, and with the broker away."""
    async with gateway.client(headers=HEADERS) as http:
        statuses = await everything(http)
        for text in GARBAGE:
            raw(gateway.port, text)
        await gateway.stack.broker.kill()
        try:
            statuses += await everything(http)
        finally:
            await gateway.stack.broker.start()
    assert {202, 400, 401, 404, 422} <= set(statuses)
    assert 500 not in statuses
    assert said(gateway.log) == []
    assert said(gateway.stack.broker.log) == []
    requests = [line for line in map(json.loads, gateway.log.read_text().splitlines()) if line["event"] == "request"]
    assert len(requests) >= len(statuses)
    assert {name for line in requests for name in line} <= FIELDS
    assert {line["key"] for line in requests} <= {"", gateway.key_id}


@pytest.mark.parametrize("place", ["token", "bytes"])
def test_a_mark_would_be_found(tmp_path: Path, place: str) -> None:
    """The search itself works."""
    log = tmp_path / "log"
    log.write_text(f'{{"event": "x", "message": "{secret(place)}"}}\n')
    assert said(log)
