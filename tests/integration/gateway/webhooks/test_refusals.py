"""What is not verified is refused with one text, costs little, is told to the operator, and is stored nowhere."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from nightshift.broker import Connection
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.gateway.auth.scopes import SCOPES
from tests.integration.gateway.harness import gateway, raw
from tests.integration.gateway.webhooks.intake import BODIES, SECRETS, Door, door

FIELD_BYTES = [*range(32, 127), *range(128, 256)]
"""What a header's value may have, if the client does not refuse to send it."""


async def forged(intake: Door, source: str = "stripe", *, body: bytes = b"{}", **headers: str) -> httpx.Response:
    """Send what no provider has signed."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await intake.gateway.client.post(f"/webhooks/{source}", content=body, headers=names)


async def test_every_reason_has_one_answer(intake: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever guesses learns nothing from it; the log has the reason and the difference of the clocks."""
    now = int(time.time())
    good = intake.sign("stripe", b"{}").headers["stripe-signature"].partition("v1=")[2]
    reasons = {
        "no-header": await forged(intake),
        "malformed": await forged(intake, stripe_signature="t=1"),
        "bad-signature": await forged(intake, stripe_signature=f"t={now},v1={'0' * 64}"),
        "timestamp-old": await intake.send("stripe", at=now - 400),
        "timestamp-future": await intake.send("stripe", at=now + 400),
    }
    for answer in reasons.values():
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert len({_without_request_id(answer) for answer in reasons.values()}) == 1
    logged = {
        record.fields["reason"]: record.fields["clock_difference_seconds"]  # type: ignore[attr-defined]
        for record in caplog.records
        if getattr(record, "event", "") == "webhook_refused"
    }
    assert logged.keys() == reasons.keys()
    assert abs(logged["timestamp-old"] + 400) <= 5
    assert abs(logged["timestamp-future"] - 400) <= 5
    assert good not in caplog.text
    assert await intake.queue() == []
    assert await intake.rows() == []


def _without_request_id(answer: httpx.Response) -> str:
    return answer.text.replace(answer.json()["requestId"], "")


async def test_the_fifth_in_a_row_says_what_is_usually_wrong(
    broker: Broker, queues: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; an accepted one in between begins anew."""

    def hints() -> list[str]:
        return [record.getMessage() for record in caplog.records if _event(record) == "webhooks_all_refused"]

    async with door(tmp_path, broker, queues) as intake:
        for _ in range(4):
            await forged(intake, stripe_signature=f"t={int(time.time())},v1=0")
        assert (await intake.send("stripe")).status_code == 200
        for _ in range(4):
            await forged(intake, stripe_signature=f"t={int(time.time())},v1=0")
        assert hints() == []
        for _ in range(10):
            await forged(intake, stripe_signature=f"t={int(time.time())},v1=0")
    (hint,) = hints()
    assert "stripe" in hint
    assert "test mode instead of live mode" in hint
    assert "whsec_" in hint
    assert sum(_event(record) == "webhook_refused" for record in caplog.records) == 10, "a flood does not fill the disk"


def _event(record: logging.LogRecord) -> str:
    return str(getattr(record, "event", ""))


async def test_body_and_signature_reach_no_log(intake: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of what is accepted nor of what is refused."""
    caplog.set_level(logging.DEBUG)
    body = b'{"id": "evt_secretive", "type": "invoice.paid", "card": "4242-in-body"}'
    await intake.send("stripe", body)
    await forged(intake, body=body, stripe_signature="t=1,v1=signature-to-hide")
    assert "4242-in-body" not in caplog.text
    assert "signature-to-hide" not in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS.values())


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/", "/webhooks/stripe/more", "/webhooks/STRIPE"])
async def test_an_unknown_source_is_not_found_and_never_gone(intake: Door, path: str) -> None:
    """410 switches some senders off for good."""
    answer = await intake.gateway.client.post(path, content=b"{}")
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_allowed(intake: Door, method: str) -> None:
    """405 with what is."""
    answer = await intake.gateway.client.request(method, "/webhooks/stripe")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(intake: Door, *, chunked: bool) -> None:
    """Also one that does not say how long it is, which is not cut off silently."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    signed = intake.sign("stripe", b"x" * 2_000_000).headers
    content = pieces() if chunked else b"x" * 2_000_000
    answer = await intake.gateway.client.post("/webhooks/stripe", content=content, headers=signed)
    assert answer.status_code == 413


async def test_a_chunked_body_within_the_limit_is_accepted(intake: Door) -> None:
    """How it travels is nobody's business."""
    body = BODIES["stripe"].replace(b"evt_1TkQ2e", b"evt_chunked")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = await intake.gateway.client.post(
        "/webhooks/stripe",
        content=pieces(),
        headers=intake.sign("stripe", body).headers,
    )
    assert answer.json() == {"received": True}


async def test_a_large_body_without_a_signature_is_not_even_read(intake: Door) -> None:
    """The answer comes before the body, which the client still has to send."""
    head = b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"
    answer = await raw(intake.gateway.port, head, b"x" * 100_000)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_body_that_never_ends_is_given_up(intake: Door) -> None:
    """After five seconds, though it comes faster than a connection has to."""
    head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n{"
    began = time.monotonic()
    answer = await raw(intake.gateway.port, head, seconds=15)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "head",
    [
        b"Stripe-Signature: \xff\xfe\x00abc\r\nContent-Length: 2\r\n",
        b"Stripe-Signature: t=1\r\nStripe-Signature: t=1,v1=0\r\nContent-Length: 2\r\n",
        b"Stripe-Signature: " + b"v1=0," * 3000 + b"\r\nContent-Length: 2\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
    ],
)
async def test_no_head_makes_it_fail(intake: Door, head: bytes) -> None:
    """A refusal of the client's, never a fault of ours."""
    request = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n{}"
    answer = await raw(intake.gateway.port, request)
    assert answer[9:12] in {b"400", b"401", b"413", b"415", b"431"}, answer[:80]


async def test_forgers_do_not_keep_the_provider_out(
    broker: Broker, queues: Connection, tmp_path: Path, objects_server: ObjectServer
) -> None:
    """A flood from one address, large bodies included; the provider's events come through from the same and another."""
    async with door(tmp_path, broker, queues, objects_server, trusted_proxies="127.0.0.1") as intake:
        stop = asyncio.Event()

        async def flood() -> int:
            sent = 0
            signature = "sha256=" + "0" * 64
            while not stop.is_set():
                sent += 1
                answer = await forged(
                    intake,
                    "github",
                    body=b"x" * (2_000_000 if sent % 3 == 0 else 2000),
                    x_hub_signature_256=signature,
                    x_forwarded_for="203.0.113.66",
                )
                assert answer.status_code in {401, 503}
            return sent

        flooding = [asyncio.create_task(flood()) for _ in range(8)]
        for number in range(10):
            address = "203.0.113.66" if number % 2 else "192.0.2.10"
            body = b'{"number": %d, "filler": "%b"}' % (number, b"x" * (300_000 if number == 4 else 100))
            answer = await intake.send("github", body, change={"x-forwarded-for": address})
            assert answer.status_code == 200, address
        stop.set()
        assert sum(await asyncio.gather(*flooding)) > 8
        assert len(await intake.job_ids()) == 10


async def test_any_bytes_in_body_and_headers_are_refused_and_never_a_fault(intake: Door) -> None:
    """A hundred and fifty requests, the same each time, to every source; half of them once had a good signature."""
    choice = random.Random(17)  # noqa: S311 - no secret
    names = ["stripe-signature", "webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256"]
    names += ["x-slack-signature", "x-slack-request-timestamp", "x-twilio-signature", "authorization", "content-type"]
    statuses: Counter[int] = Counter()
    for number in range(150):
        source = choice.choice(list(BODIES))
        body = choice.randbytes(choice.choice([0, 1, 50, 3000])) if number % 3 else BODIES[source] + b" "
        signed = intake.sign(source, BODIES[source])
        headers = {name.encode(): value.encode() for name, value in signed.headers.items()} if number % 2 else {}
        for name in choice.sample(names, choice.randrange(4)):
            headers[name.encode()] = bytes(choice.choice(FIELD_BYTES) for _ in range(choice.randrange(60))).strip()
        path = f"/webhooks/{source}" + (f"?{signed.query or 'a=%ff'}" if number % 5 else "")
        answer = await intake.gateway.client.post(path, content=body, headers=list(headers.items()))
        statuses[answer.status_code] += 1
        assert source == "internal" or answer.status_code == 401, (source, answer.status_code, headers)
    assert set(statuses) <= {200, 401}
    assert statuses[401] > 120


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("POST", "/batch"), ("GET", "/stripe-evt_17"), ("DELETE", "/stripe-evt_17")]
)
async def test_no_event_can_be_enqueued_looked_up_or_taken_back_as_a_job(
    tmp_path: Path, method: str, path: str
) -> None:
    """Not even where the gateway takes every job, and the key may do everything: only a signature makes an event."""
    async with gateway(tmp_path, gateway_jobs="*") as running:
        key = await running.key(*SCOPES)
        event = {
            "source": "stripe",
            "eventId": "evt_17",
            "eventType": "invoice.paid",
            "receivedAt": "2026-11-27T09:30:00Z",
        }
        content = {"jobs": [{"body": event}]} if path == "/batch" else event
        url = f"/v1/jobs/webhook.received{path}"
        answer = await running.client.request(method, url, json=content, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job-type")
