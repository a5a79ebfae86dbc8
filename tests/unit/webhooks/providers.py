"""Every scheme with a way to make it from secrets, for tests of what all of them have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from nightshift.webhooks.naming import Naming
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme, SignedSample
from nightshift.webhooks.schemes.github import GitHubScheme
from nightshift.webhooks.schemes.shopify import ShopifyScheme
from nightshift.webhooks.schemes.slack import SlackScheme
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.stripe import StripeScheme
from nightshift.webhooks.schemes.template import Layout, TemplateScheme
from nightshift.webhooks.schemes.token import TokenScheme
from nightshift.webhooks.schemes.twilio import TwilioScheme

URL = "https://hooks.example.com/webhooks/twilio"
NOW = 1_800_000_000.0
BODY = b'{"id": "evt_1", "type": "thing.happened", "created": 1799999990}'
SECRETS = tuple(f"whsec_{letter * 32}" for letter in "ABCD")
PRIVATE_KEYS = tuple(f"whsk_{letter * 43}=" for letter in "AQgw")
ACME = Layout(
    header="x-acme-signature",
    prefix="v1=",
    template="{id}.{timestamp}.{body}",
    encoding="base64",
    algorithm="sha512",
    timestamp_header="x-acme-time",
    id_header="x-acme-id",
)
PADDLE = Layout(header="paddle-signature", prefix="h1=", template="{timestamp}:{body}", timestamp_prefix="ts=")


@dataclass(frozen=True)
class Provider:
    """One scheme."""

    name: str
    make: Callable[[tuple[str, ...]], Scheme]
    signature_header: bytes
    time_header: bytes | None = None
    secrets: tuple[str, ...] = SECRETS


PROVIDERS = (
    Provider("stripe", StripeScheme, b"stripe-signature", b"stripe-signature"),
    Provider("standard", StandardScheme, b"webhook-signature", b"webhook-timestamp"),
    Provider("standard v1a", StandardScheme, b"webhook-signature", b"webhook-timestamp", PRIVATE_KEYS),
    Provider("github", GitHubScheme, b"x-hub-signature-256"),
    Provider("slack", SlackScheme, b"x-slack-signature", b"x-slack-request-timestamp"),
    Provider("shopify", ShopifyScheme, b"x-shopify-hmac-sha256"),
    Provider("twilio", lambda secrets: TwilioScheme(secrets, URL), b"x-twilio-signature"),
    Provider("hmac", lambda secrets: TemplateScheme(secrets, ACME), b"x-acme-signature", b"x-acme-time"),
    Provider(
        "hmac with items", lambda secrets: TemplateScheme(secrets, PADDLE), b"paddle-signature", b"paddle-signature"
    ),
    Provider(
        "hmac of the body",
        lambda secrets: TemplateScheme(secrets, Layout("x-sum"), Naming(id="/id", type="/type")),
        b"x-sum",
    ),
    Provider("token", lambda secrets: TokenScheme(secrets, "authorization", "Bearer "), b"authorization"),
)
TIMED = tuple(provider for provider in PROVIDERS if provider.time_header)


def request_of(body: bytes, signed: SignedSample) -> WebhookRequest:
    """Return the request that a signed sample is sent as."""
    headers = [(name.encode(), value.encode()) for name, value in signed.headers.items()]
    return WebhookRequest(body, headers, signed.query.encode())


def signed_request(provider: Provider, *, body: bytes = BODY, secret: int = 0, now: float = NOW) -> WebhookRequest:
    """Return a request that one of the provider's secrets has signed."""
    scheme = provider.make((provider.secrets[secret],))
    return request_of(body, scheme.sign(Sample(body, event_type="push", event_id="evt_1"), now))
