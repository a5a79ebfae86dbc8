"""Shopify: `X-Shopify-Hmac-SHA256`, base64 over the body. Topic and webhook id are headers that nothing signs."""

import uuid
from typing import ClassVar

from nightshift.webhooks.event import ProviderEvent, content_id, instant, type_name
from nightshift.webhooks.keys import HmacKeys
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme, SignedSample
from nightshift.webhooks.verdict import Verified

_HEADER, _TOPIC, _ID = b"x-shopify-hmac-sha256", b"x-shopify-topic", b"x-shopify-webhook-id"
_TRIGGERED = b"x-shopify-triggered-at"


class ShopifyScheme(Scheme):
    """An event is its body, as at GitHub. A rotated secret takes Shopify up to an hour: keep both."""

    REPEATS = True
    PASSED_ON: ClassVar[tuple[str, ...]] = (
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-api-version",
        "x-shopify-webhook-id",
        "x-shopify-event-id",
        "x-shopify-triggered-at",
    )

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._keys = HmacKeys([secret.encode() for secret in secrets], "sha256", "base64")

    def _verify(self, request: WebhookRequest, now: float) -> Verified:  # noqa: ARG002 - Shopify signs no time
        return Verified(self._keys.match((request.body,), [request.need(_HEADER)]))

    def event(self, request: WebhookRequest) -> ProviderEvent:
        """Name the event by the hash of its body, its type by the header."""
        return ProviderEvent(
            content_id(request.body),
            type_name(request.text(_TOPIC)),
            request.text(_ID),
            instant(request.text(_TRIGGERED)),
        )

    def sign(self, sample: Sample, now: float) -> SignedSample:  # noqa: ARG002
        """Sign as Shopify does."""
        signature = self._keys.signatures((sample.body,))[0].decode()
        headers = {_HEADER.decode(): signature, _ID.decode(): sample.event_id or str(uuid.uuid4())}
        topic = {_TOPIC.decode(): sample.event_type} if sample.event_type else {}
        return SignedSample({"content-type": sample.content_type, **headers, **topic})
