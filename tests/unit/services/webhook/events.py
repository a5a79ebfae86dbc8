"""Events as the gateway hands them over, for tests."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts.webhook import WebhookReceived

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


def received(body: Any = None, **changes: Any) -> WebhookReceived:
    """An event of the source `acme`; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps({} if body is None else body)
    fields: dict[str, Any] = {
        "source": "acme",
        "event_id": "17",
        "event_type": "order.paid",
        "received_at": NOW,
        "body": text,
    }
    return WebhookReceived(**fields | changes)


def message(body: Any = None, **changes: Any) -> bytes:
    """The same as the body of a job."""
    return msgspec.json.encode(received(body, **changes))
