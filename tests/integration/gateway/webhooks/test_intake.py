"""A verified event is answered with 200 once it is stored, and becomes one job with its body byte for byte."""

import asyncio
import base64
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

from tests.integration.gateway.webhooks.intake import BODIES, SECRETS, STRIPE_BODY, Door


def stripe_event(number: str, kind: str = "invoice.paid") -> bytes:
    """Return the body of an event of Stripe's."""
    event = {"id": f"evt_{number}", "object": "event", "type": kind, "created": int(time.time())}
    return json.dumps(event).encode()


EXPECTED = {
    "stripe": ("stripe-evt_1TkQ2e", "invoice.payment_failed"),
    "standard": ("standard-msg_17", "email.bounced"),
    "github": ("github-", "push"),
    "slack": ("slack-Ev08", "app_mention"),
    "shopify": ("shopify-", "orders/create"),
    "twilio": ("twilio-", "message.delivered"),
    "acme": ("acme-a-17", "thing.made"),
    "internal": ("internal-", "event"),
}


@pytest.mark.parametrize("source", EXPECTED)
async def test_an_event_of_each_scheme_is_accepted(intake: Door, source: str) -> None:
    """200, never 202; the job has the provider's words and the body as it was sent."""
    answer = await intake.send(source, event_id="msg_17")
    assert answer.status_code == 200
    assert answer.text == ("<Response/>" if source == "twilio" else '{"received":true}')
    (event,) = await intake.queue()
    (job_id,) = await intake.job_ids()
    prefix, kind = EXPECTED[source]
    assert job_id == f"{source}-{event.event_id}"
    assert job_id.startswith(prefix)
    assert (event.source, event.event_type) == (source, kind)
    assert (event.body or "").encode() == BODIES[source]
    assert abs((event.received_at - datetime.now(UTC)).total_seconds()) < 60
    assert not any("signature" in name or "hmac" in name or name == "authorization" for name in event.headers or {})


async def test_a_second_time_is_a_duplicate(intake: Door) -> None:
    """Retries are what providers do: 200 again, and no second job."""
    body = stripe_event("twice")
    first, second = await intake.send("stripe", body), await intake.send("stripe", body)
    assert (first.json(), second.json()) == ({"received": True}, {"received": True, "duplicate": True})
    assert len(await intake.queue()) == 1


async def test_fifty_at_once_are_one_job(intake: Door) -> None:
    """Whichever is first."""
    body = stripe_event("fifty")
    answers = await asyncio.gather(*(intake.send("stripe", body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum("duplicate" not in answer.json() for answer in answers) == 1
    assert len(await intake.queue()) == 1


@pytest.mark.parametrize("source", ["github", "shopify", "twilio"])
async def test_a_captured_body_under_a_new_delivery_id_is_the_same_event(intake: Door, source: str) -> None:
    """Nothing signs the id of a delivery or the name of the event: what is signed is the identity."""
    fields = {"github": b'{"replayed": 1}', "shopify": b'{"replayed": 2}', "twilio": b"CallSid=1&CallStatus=busy"}
    body = fields[source]
    first = await intake.send(source, body, event_id="one")
    again = await intake.send(
        source, body, event_id="two", change={"x-github-event": "release", "x-shopify-topic": "app/uninstalled"}
    )
    assert (first.status_code, again.status_code) == (200, 200)
    (event,) = await intake.queue()
    assert event.delivery_id == "one"


async def test_the_same_form_in_another_order_is_the_same_event(intake: Door) -> None:
    """Twilio signs the fields sorted: whoever captured a request could shuffle them."""
    signed = intake.sign("twilio", b"CallSid=9&CallStatus=ringing")
    for body in (
        b"CallSid=9&CallStatus=ringing",
        b"CallStatus=ringing&CallSid=9",
        b"CallStatus=ringing&CallSid=9&CallSid=9",
    ):
        answer = await intake.gateway.client.post("/webhooks/twilio", content=body, headers=signed.headers)
        assert answer.status_code == 200
    assert len(await intake.queue()) == 1


@pytest.mark.parametrize("kind", ["charge.succeeded", "customer.created", "invoice", "xinvoice.paid"])
async def test_what_is_not_wanted_is_ignored_with_200(intake: Door, kind: str) -> None:
    """A provider is never told that its event was wrong."""
    answer = await intake.send("stripe", stripe_event("unwanted", kind))
    assert (answer.status_code, answer.json()) == (200, {"received": True, "ignored": True})
    assert await intake.queue() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"not JSON", b"[]", b'{"id": 5, "type": {"a": 1}}', b"\xff\x00\xfe", b'{"type": "a\\nb"}', b"[" * 9999],
)
async def test_novelty_is_accepted(intake: Door, body: bytes) -> None:
    """Verified means accepted: the worker makes a dead letter of what it cannot read, and nothing is lost."""
    answer = await intake.send("stripe", body)
    assert (answer.status_code, answer.json()["received"]) == (200, True)
    (event,) = await intake.queue()
    assert event.event_type == "unknown"
    sent = (event.body or "").encode() if event.body_base64 is None else base64.b64decode(event.body_base64)
    assert sent == body


async def test_slacks_challenge_is_answered_once_verified(intake: Door) -> None:
    """With the challenge and nothing else; whoever does not sign is told nothing."""
    body = b'{"type": "url_verification", "challenge": "3eZbrw1aB"}'
    answer = await intake.send("slack", body)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aB"})
    forged = await intake.send("slack", body, change={"x-slack-signature": "v0=" + "0" * 64})
    assert forged.status_code == 401
    assert "3eZbrw1aB" not in forged.text
    assert await intake.queue() == []


async def test_githubs_ping_is_ignored(intake: Door) -> None:
    """It is how GitHub tries an address."""
    answer = await intake.send("github", b'{"zen": "Keep it logically awesome."}', event_type="ping")
    assert (answer.status_code, answer.json()) == (200, {"received": True, "ignored": True})


async def test_both_secrets_of_a_rotation_verify(intake: Door) -> None:
    """While the provider changes over, either may sign."""
    body = stripe_event("rotated")
    for secret in ("stripe", "stripe_next"):
        moment = int(time.time())
        signature = hmac.digest(SECRETS[secret].encode(), b"%d." % moment + body, "sha256").hex()
        answer = await intake.gateway.client.post(
            "/webhooks/stripe", content=body, headers={"Stripe-Signature": f"t={moment},v1={signature}"}
        )
        assert answer.status_code == 200
    metrics = await _metrics(intake)
    assert 'nightshift_webhooks_verified_total{secret="2",source="stripe"} 1.0' in metrics


async def _metrics(intake: Door) -> str:
    port = intake.gateway.settings.health_port
    return (await intake.gateway.client.get(f"http://127.0.0.1:{port}/metrics")).text


async def test_occurrence_headers_and_delivery_are_passed_on(intake: Door) -> None:
    """The few headers that a handler may want, also those that the source names; no others."""
    await intake.send("acme", change={"x-acme-region": "eu", "x-other": "no", "cookie": "no"}, body=b'{"n": 1}')
    await intake.send("github", b'{"n": 2}', event_id="72d3162e")
    await intake.send("stripe", STRIPE_BODY.replace(b"1TkQ2e", b"when") % 1_700_000_000)
    acme, github, stripe = await intake.queue()
    assert acme.headers == {"x-acme-region": "eu"}
    assert github.headers == {"x-github-event": "push", "x-github-delivery": "72d3162e"}
    assert github.delivery_id == "72d3162e"
    assert stripe.occurred_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"\x00" * 1000,
        b'{"id": "evt_\\u0000", "type": "invoice.\\u0000"}',
        b"\xff\xfe" * 1000,
        '{"id": "evt_16"}'.encode("utf-16"),
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 190_000,
        b'{"id": "evt_9", "created": ' + b"9" * 5000 + b"}",
        b'{"id": "evt_e", "created": 1e400}',
        b'{"id": "evt_n", "created": -1e300, "type": "invoice.paid"}',
        b'{"id": "evt_s\\ud800", "type": "invoice.paid"}',
        b'{"id": 17, "type": {"a": 1}, "created": []}',
        b'{"id": "%s", "type": "%s"}' % (b"i" * 400_000, b"t" * 400_000),
        b"\x01" * 900_000,
        b"{" + b",".join(b'"%d": 1' % number for number in range(60_000)) + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_whatever_is_signed_is_accepted_within_the_time(intake: Door, body: bytes) -> None:
    """The provider is not told that it is wrong; whoever reads the body later is to say what is."""
    began = time.monotonic()
    answer = await intake.send("stripe", body)
    assert (answer.status_code, time.monotonic() - began < 2.5) == (200, True)
    assert len(await intake.messages()) == 1


@pytest.mark.parametrize("count", [17, 100, 10_000])
async def test_many_signatures_are_refused_whether_or_not_one_is_right(intake: Door, count: int) -> None:
    """At most 16 are compared; a head that is longer than any is not even read."""
    good = intake.sign("stripe", BODIES["stripe"]).headers["stripe-signature"]
    at, _, signature = good.partition(",")
    many = ",".join([at, *["v1=" + "0" * 64] * (count - 1), signature])
    began = time.monotonic()
    answer = await intake.send("stripe", change={"stripe-signature": many})
    assert (answer.status_code, time.monotonic() - began < 1) == (431 if count == 10_000 else 401, True)
