"""The job that an event becomes: `webhook.received`, with the body byte for byte."""

import base64
from datetime import datetime

from nightshift.messaging import outbound
from nightshift.messaging.claim_check import MAX_CLAIM_BYTES
from nightshift.webhooks.event import ProviderEvent
from nightshift.webhooks.received import WebhookReceived
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.source import Source

_MAX_TEXT = 255


def encode_event(source: Source, event: ProviderEvent, request: WebhookRequest, received_at: datetime) -> bytes:
    """Return the body of the job."""
    text = _as_text(request.body)
    encoded = outbound.encode(_message(source, event, request, received_at, text))
    if text is not None and len(encoded) > MAX_CLAIM_BYTES:  # control characters take six bytes each as JSON
        encoded = outbound.encode(_message(source, event, request, received_at, None))
    return encoded


def _message(
    source: Source, event: ProviderEvent, request: WebhookRequest, received_at: datetime, text: str | None
) -> WebhookReceived:
    content_type = request.text(b"content-type") or ""
    return WebhookReceived(
        source=source.name,
        event_id=event.id,
        event_type=event.type,
        delivery_id=event.delivery_id if len(event.delivery_id or "") <= _MAX_TEXT else None,
        received_at=received_at,
        occurred_at=event.occurred_at,
        content_type=content_type if 0 < len(content_type) <= _MAX_TEXT else None,
        headers=source.passed_on(request),
        body=text,
        body_base64=None if text is not None else base64.b64encode(request.body).decode(),
    )


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
