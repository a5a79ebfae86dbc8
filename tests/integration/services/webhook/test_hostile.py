"""Whatever a verified body says, an event ends at its first attempt: done, or a dead letter that names the field."""

from typing import Any

import pytest

from contracts.webhook import WebhookReceived
from schema.tables import email_deliveries, linked_accounts, provider_objects, users, webhook_events
from tests.integration.services.webhook.desk import START, Desk, event_of, stripe_event, subscription

UPDATED = "customer.subscription.updated"
NUL, SEEN = "a\x00b", "a\N{REPLACEMENT CHARACTER}b"
LONG = "".join(chr(0x4E00 + number) for number in range(20_000))
"""No database can keep it in an index, however well it is compressed."""

_THIN = {"created": "2026-11-27T09:00:00Z", "related_object": {"id": "x", "type": "y", "url": "//evil.example"}}
_NO_ID = {"created_at": "2026-11-27T09:00:00Z", "data": {"email_id": ""}}


def _checkout(**fields: Any) -> WebhookReceived:
    return stripe_event("evt_1", "checkout.session.completed", {"id": "cs_1", **fields})


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (stripe_event("evt_1", UPDATED, {"id": "", "object": "subscription"}), "at `$.data.object.id`"),
        (stripe_event("evt_1", UPDATED, {"id": LONG, "object": "subscription"}), "at `$.data.object.id`"),
        (stripe_event("evt_1", UPDATED, {"id": "a\nb", "object": "subscription"}), "Expected one line of text"),
        (stripe_event("evt_1", UPDATED, {"id": "x", "object": LONG}), "at `$.data.object.object`"),
        (stripe_event("evt_1", UPDATED, subscription("1", "x"), account=LONG), "at `$.account`"),
        (_checkout(id=LONG, customer_details={"email": "ada@example.com"}), "at `$.data.object.id`"),
        (_checkout(customer_details={"email": "two@example.com, three@example.com"}), "Expected one email address"),
        (event_of("github", "1", "push", {"repository": {"full_name": LONG, "owner": {"login": "x"}}}), "full_name"),
        (event_of("resend", "1", "email.bounced", _NO_ID), "at `$.data.email_id`"),
        (
            event_of("stripe", "evt_1", "v1.customer.updated", _THIN),
            "without a host",
        ),
    ],
)
async def test_what_no_handler_can_use_is_a_dead_letter_at_once(desk: Desk, event: WebhookReceived, words: str) -> None:
    """It names the field in words, and the event's row says the same."""
    result = await desk.receive(event)
    assert (result.outcome, result.verdict.attempts) == ("dead", 1)  # type: ignore[union-attr]
    assert words in str(result.exception)
    assert "regex" not in str(result.exception)
    (row,) = await desk.rows(webhook_events)
    assert (row["outcome"], words in row["reason"]) == ("dead", True)


async def test_a_nul_in_an_object_of_stripes_is_replaced(desk: Desk) -> None:
    """In its texts and in its names, also where it was fetched."""
    odd = subscription("1", "active", metadata={NUL: NUL})
    assert (await desk.receive(stripe_event("evt_1", UPDATED, odd))).outcome == "done"
    (row,) = await desk.rows(provider_objects)
    assert row["data"] == subscription("1", "active", metadata={SEEN: SEEN})


async def test_a_nul_in_other_events_costs_no_attempt(desk: Desk) -> None:
    """It is nobody's account, and a word of a bounce."""
    await desk.add(users, id="ada", email="ada@example.com")
    await desk.add(linked_accounts, user_id="ada", service="github", external_account="ada")
    push = {"repository": {"full_name": NUL, "owner": {"login": NUL}}}
    assert (await desk.receive(event_of("github", "1", "push", push))).outcome == "skipped"
    row = {"job_id": "1", "recipients": ["eve@example.com"], "subject": "Hi", "message_id": "<1@acme.example>"}
    await desk.add(email_deliveries, transport="resend", provider_id="re-1", sent_at=START, **row)
    bounce = {"type": "Permanent", "message": NUL}
    data = {"email_id": "re-1", "to": [NUL + "@example.com"], "bounce": bounce}
    bounced = event_of("resend", "2", "email.bounced", {"created_at": "2026-11-27T09:00:00Z", "data": data})
    assert (await desk.receive(bounced)).outcome == "done"
    (delivery,) = await desk.rows(email_deliveries)
    assert delivery["status_reason"] == f"Permanent: {SEEN}"
