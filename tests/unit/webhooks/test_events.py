"""What a verified request says of itself: identity, type and time, by scheme."""

from datetime import UTC, datetime

import pytest

from nightshift.webhooks.event import ProviderEvent, content_id
from nightshift.webhooks.naming import Naming
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.schemes.slack import SlackScheme, challenge_of
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.stripe import StripeScheme
from nightshift.webhooks.schemes.token import TokenScheme
from nightshift.webhooks.schemes.twilio import TwilioScheme
from nightshift.webhooks.verdict import Verified
from tests.unit.webhooks.providers import NOW, PROVIDERS, SECRETS, URL, Provider, signed_request

UNSIGNED = {
    b"x-github-delivery",
    b"x-github-event",
    b"x-shopify-webhook-id",
    b"x-shopify-topic",
    b"i-twilio-idempotency-token",
}
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"id": "evt_1", "type": "invoice.paid", "created": 1795771800}',
            ProviderEvent("evt_1", "invoice.paid", occurred_at=AT),
        ),
        (
            b'{"id": "evt_2", "type": "v2.core.account.updated", "created": "2026-11-27T09:30:00.000Z"}',
            ProviderEvent("evt_2", "v2.core.account.updated", occurred_at=AT),
        ),
        (b'{"id": "a b", "type": ""}', ProviderEvent(content_id(b"a b"))),
        (b'{"id": null, "created": true}', ProviderEvent(content_id(b'{"id": null, "created": true}'))),
        (b'{"id": "x", "created": 1e300}', ProviderEvent("x")),
        (b'{"id": "x", "created": "2026-11-27T09:30:00"}', ProviderEvent("x")),
        (b"", ProviderEvent(content_id(b""))),
    ],
)
def test_stripe(body: bytes, expected: ProviderEvent) -> None:
    """Snapshot and thin events have id, type and time in the same places; what is odd is unknown, not an error."""
    assert StripeScheme(SECRETS).event(WebhookRequest(body, [])) == expected


def test_standard_webhooks_have_their_signed_id_in_a_header() -> None:
    """And the time of the event in the body: that in the header is the time of the attempt."""
    body = b'{"type": "email.bounced", "created_at": "2026-11-27T10:30:00+01:00"}'
    for prefix in (b"webhook", b"svix"):
        request = WebhookRequest(body, [(prefix + b"-id", b"msg_1"), (prefix + b"-timestamp", b"1")])
        assert StandardScheme(SECRETS).event(request) == ProviderEvent("msg_1", "email.bounced", occurred_at=AT)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}}', "message"),
        (b'{"type": "app_rate_limited"}', "app_rate_limited"),
        (b"command=%2Fdeploy&text=now", "slash_command"),
        (b"payload=%7B%22type%22%3A%22block_actions%22%7D", "block_actions"),
        (b"payload=%7B", "unknown"),
        (b"&" * 200, "unknown"),
    ],
)
def test_slack(body: bytes, kind: str) -> None:
    """Events, slash commands and interactive messages."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    assert SlackScheme(SECRETS).event(WebhookRequest(body, headers)).type == kind


@pytest.mark.parametrize(
    ("body", "challenge"),
    [
        (b'{"type": "url_verification", "challenge": "x"}', "x"),
        (b'{"type": "url_verification", "challenge": 5}', None),
        (b'{"type": "event_callback", "challenge": "x"}', None),
        (b"", None),
    ],
)
def test_only_a_url_verification_is_a_challenge(body: bytes, challenge: str | None) -> None:
    """Anything else is an event."""
    assert challenge_of(body) == challenge


def test_twilios_event_does_not_depend_on_what_is_not_signed() -> None:
    """Order and repetition of the form's fields; but the query, which is signed, tells two events apart."""
    scheme = TwilioScheme(SECRETS, URL)
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    ids = {scheme.event(WebhookRequest(body, headers, b"a=1")).id for body in (b"A=1&B=2", b"B=2&A=1", b"B=2&A=1&A=1")}
    assert len(ids) == 1
    assert scheme.event(WebhookRequest(b"A=1&B=2", headers, b"a=2")).id not in ids
    assert scheme.event(WebhookRequest(b"CallSid=1&CallStatus=busy", headers)).type == "call.busy"


def test_pointers_name_what_a_general_source_says() -> None:
    """JSON pointers with escapes and list indexes; a header where the provider has one."""
    body = b'{"a/b": [{"id": "x-1"}], "kind": "made", "at": "2026-11-27T09:30:00Z"}'
    naming = Naming(id="/a~1b/0/id", type="/kind", occurred_at="/at", delivery_header="x-delivery")
    request = WebhookRequest(body, [(b"x-delivery", b"d-1"), (b"x-kind", b"by-header")])
    scheme = TokenScheme(SECRETS, "x-token", "", naming)
    assert scheme.event(request) == ProviderEvent("x-1", "made", "d-1", AT)
    by_header = TokenScheme(SECRETS, "x-token", "", Naming(type_header="x-kind")).event(request)
    assert by_header == ProviderEvent(content_id(body), "by-header")
    assert TokenScheme(SECRETS, "x-token").event(request).type == "event"


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_what_is_not_signed_does_not_change_the_identity(provider: Provider) -> None:
    """Whoever captured a request cannot make another event of it by changing a header that nothing signs."""
    request, scheme = signed_request(provider), provider.make(provider.secrets)
    headers = [(name, b"another" if name in UNSIGNED else value) for name, value in request.headers]
    other = WebhookRequest(request.body, [*headers, (b"x-anything", b"1")], request.query)
    assert isinstance(scheme.verify(other, NOW), Verified)
    assert scheme.event(other).id == scheme.event(request).id
