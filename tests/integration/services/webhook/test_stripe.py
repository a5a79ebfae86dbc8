"""What Stripe's events lead to, and how Stripe is asked where they do not say enough."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from contracts.email import SendEmail
from contracts.webhook import RefreshObject
from demo.sites.http_site import Reply
from nightshift.instants import utc_now
from nightshift.testing import JobResult
from nightshift.worker.verdict import DeadLetter, Reschedule
from schema.tables import provider_objects
from tests.integration.services.webhook.desk import (
    START,
    Desk,
    event_of,
    refreshes,
    stripe_event,
    subscription,
)

pytestmark = pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
CHECKOUT: dict[str, Any] = {
    "id": "cs_test_17",
    "object": "checkout.session",
    "payment_status": "paid",
    "amount_total": 123450,
    "currency": "eur",
    "customer_details": {"email": "ada@example.com", "name": "Ada <b>Lovelace</b>"},
}
INVOICE: dict[str, Any] = {
    "id": "in_17",
    "object": "invoice",
    "number": "ACME-0017",
    "attempt_count": 2,
    "amount_due": 500,
    "currency": "jpy",
    "customer_email": "ada@example.com",
    "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1/test_17",
}
MESSAGE = RefreshObject(
    source="stripe",
    object_id="sub_1",
    object_type="subscription",
    path="/v1/subscriptions/sub_1",
    context="acct_17",
    as_of=START,
)


def _mail(result: JobResult) -> tuple[str, SendEmail]:
    (job,) = result.follow_ups
    return job.job_id, job.decode(SendEmail)


async def test_a_checkout_sends_a_mail(desk: Desk) -> None:
    """To whoever has paid; what customers type is no HTML."""
    result = await desk.receive(stripe_event("evt_1", "checkout.session.completed", CHECKOUT))
    job_id, mail = _mail(result)
    assert (job_id, mail.to, mail.subject) == (
        "stripe-checkout/cs_test_17",
        "ada@example.com",
        "Acme: thank you for your order",
    )
    assert "<strong>1,234.50 EUR</strong>" in mail.body
    assert "Hello Ada &lt;b&gt;Lovelace&lt;/b&gt;," in mail.body


async def test_a_checkout_that_is_paid_later_sends_its_mail_then(desk: Desk) -> None:
    """`completed` says that it is not paid yet; the mail has the same id whichever event leads to it."""
    waiting = CHECKOUT | {"payment_status": "unpaid"}
    first = await desk.receive(stripe_event("evt_1", "checkout.session.completed", waiting))
    second = await desk.receive(stripe_event("evt_2", "checkout.session.async_payment_succeeded", CHECKOUT))
    assert (first.outcome, first.follow_ups) == ("skipped", [])
    assert _mail(second)[0] == "stripe-checkout/cs_test_17"
    assert await desk.outcomes() == {"evt_1": "skipped", "evt_2": "done"}


async def test_a_failed_payment_sends_a_mail(desk: Desk) -> None:
    """With the amount in a currency without cents, and a link to pay; one mail for each attempt of Stripe's."""
    job_id, mail = _mail(await desk.receive(stripe_event("evt_1", "invoice.payment_failed", INVOICE)))
    assert job_id == "stripe-payment-failed/in_17/2"
    assert "<strong>500 JPY</strong> for invoice ACME-0017" in mail.body
    assert '<a href="https://invoice.stripe.com/i/acct_1/test_17" ' in mail.body


async def test_a_link_that_is_no_web_address_is_left_out(desk: Desk) -> None:
    """Nobody gets a link that runs something."""
    result = await desk.receive(
        stripe_event("evt_1", "invoice.payment_failed", INVOICE | {"hosted_invoice_url": "javascript:alert(1)"})
    )
    assert "javascript" not in _mail(result)[1].body


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({"customer_details": None}, "skipped", "cs_test_17 has no email address"),
        ({"customer_details": {"email": "no address"}}, "dead", "no mail can be sent to 'no address'"),
        ({"id": 17}, "dead", "Expected `str`, got `int` - at `$.data.object.id`"),
    ],
)
async def test_a_checkout_without_an_address_sends_nothing(
    desk: Desk, changed: dict[str, Any], outcome: str, words: str
) -> None:
    """The row says why."""
    result = await desk.receive(stripe_event("evt_1", "checkout.session.completed", CHECKOUT | changed))
    assert (result.outcome, result.follow_ups) == (outcome, [])
    assert words in str(result.exception)


async def test_a_thin_event_is_fetched(desk: Desk) -> None:
    """It names the object; Stripe is asked for it in the account that the event is of, with a version."""
    path = "/v2/core/accounts/acct_9"
    related = {"id": "acct_9", "type": "v2.core.account", "url": path}
    body = {"object": "v2.core.event", "created": "2026-11-27T09:29:58.250Z", "context": "acct_17"}
    desk.stripe.objects[path] = account = {"id": "acct_9", "object": "v2.core.account", "display_name": "Ada"}
    event = event_of("stripe", "evt_65", "v2.core.account.updated", {**body, "related_object": related})
    (asked,) = refreshes(await desk.receive(event))
    assert asked.job_id == "refresh-acct_9-20261127T092958-250000Z"
    assert (await desk.refresh(asked.decode(RefreshObject))).outcome == "done"
    (request,) = desk.site.requests
    assert (request.path, request.headers["stripe-context"]) == (path, "acct_17")
    assert request.headers["stripe-version"]
    assert await desk.kept("acct_9") == (account, False)


@pytest.mark.parametrize("url", ["https://elsewhere.example/v1/a", "//elsewhere.example/a", "v1/a"])
async def test_a_thin_event_leads_to_no_other_host(desk: Desk, url: str) -> None:
    """The key goes to Stripe and to nobody else."""
    body = {"created": "2026-11-27T09:29:58Z", "related_object": {"id": "a", "type": "b", "url": url}}
    result = await desk.receive(event_of("stripe", "evt_65", "v2.core.account.updated", body))
    assert (result.outcome, result.follow_ups, desk.site.requests) == ("dead", [], [])


async def test_what_is_gone_leaves_a_tombstone(desk: Desk) -> None:
    """Stripe answers 404; a late event does not bring the object back."""
    await desk.refresh(MESSAGE)
    await desk.receive(stripe_event("evt_1", "customer.subscription.updated", subscription("1", "active"), second=5))
    assert await desk.kept("sub_1") == ({"id": "sub_1"}, True)


async def test_a_rate_limit_waits_as_long_as_stripe_says(desk: Desk) -> None:
    """It costs no attempt."""
    desk.stripe.script.append(desk.stripe.error(429, "Too many requests.", Retry_After="7"))
    verdict = (await desk.refresh(MESSAGE)).verdict
    assert isinstance(verdict, Reschedule)
    assert (verdict.outcome, verdict.delay, verdict.base) == ("snooze", timedelta(seconds=7), 0)


@pytest.mark.parametrize(
    ("status", "outcome", "words"),
    [
        (401, "snooze", "check STRIPE_API_KEY"),
        (403, "dead", "has to be allowed to read this"),
        (400, "dead", "Stripe answered 400 to /v1/subscriptions/sub_1: no"),
        (302, "snooze", "check STRIPE_API_URL"),
        (500, "retry", "Stripe answered 500"),
    ],
)
async def test_a_refusal_says_what_to_look_at(desk: Desk, status: int, outcome: str, words: str) -> None:
    """A wrong setting waits for whoever mends it, a fault of Stripe's is tried again, anything else is given up on."""
    desk.stripe.script.append(desk.stripe.error(status, "no"))
    result = await desk.refresh(MESSAGE)
    assert result.outcome == outcome
    assert words in str(result.exception)
    assert await desk.rows(provider_objects) == []


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n[]", b"HTTP/1.1 200 OK\r\n\r\n{", b"nonsense\r\n\r\n"])
async def test_nonsense_is_tried_again(desk: Desk, answer: bytes) -> None:
    """A proxy's page, an answer that was cut."""
    desk.stripe.script.append(answer)
    assert (await desk.refresh(MESSAGE)).outcome == "retry"


async def test_without_a_key_nothing_is_lost(desk: Desk) -> None:
    """The dead letter says what to set, and its redrive gets the object."""
    result = await desk.refresh(MESSAGE, without_key=True, job_id="refresh-1")
    assert isinstance(result.verdict, DeadLetter)
    assert "set its key (STRIPE_API_KEY)" in result.verdict.error
    desk.stripe.objects[MESSAGE.path] = subscription("1", "active")
    assert (await desk.refresh(MESSAGE, job_id="refresh-1")).outcome == "done"
    assert await desk.kept("sub_1") == (subscription("1", "active"), False)


async def test_an_answer_of_the_same_second_is_asked_for_again(desk: Desk) -> None:
    """Stripe counts in whole seconds: another event of this one may still happen."""
    now = utc_now().replace(microsecond=0)
    body = json.dumps(subscription("1", "active")).encode()
    desk.stripe.script.append(Reply(200, {"Date": format_datetime(now, usegmt=True)}, body))
    message = RefreshObject(
        source="stripe", object_id="sub_1", object_type="subscription", path=MESSAGE.path, as_of=now
    )
    assert (await desk.refresh(message)).outcome == "snooze"
    assert await desk.rows(provider_objects) == []


async def test_the_key_is_in_no_error(desk: Desk) -> None:
    """Not even where Stripe repeats it."""
    desk.stripe.keys.clear()
    result = await desk.refresh(MESSAGE)
    assert "rk_test_made_up_key" not in str(result.exception)
