"""Events of third parties, as the gateway hands them over once their signature is verified."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from contracts.email import SendEmail
from contracts.webhook import WebhookReceived
from demo.runner import Stage
from nightshift.instants import utc_now
from schema.tables import email_deliveries, email_suppressions, provider_objects

_UPDATED = "customer.subscription.updated"


async def play(stage: Stage) -> None:
    """Play Stripe and Resend: a checkout, a subscription whose events come in the wrong order, a bounce."""
    stage.begin("webhooks", "what providers send, in whatever order")
    start = utc_now() - timedelta(hours=1)
    checkout = {"id": "cs_demo", "payment_status": "paid", "amount_total": 4200, "currency": "eur"}
    customer = {"customer_details": {"email": "customer@example.com", "name": "Ada Lovelace"}}
    await _stripe(stage, "evt_demo_1", "checkout.session.completed", checkout | customer, start)
    for number, status in ((3, "canceled"), (1, "incomplete"), (2, "active")):
        subscription = {"id": "sub_demo", "object": "subscription", "status": status}
        await _stripe(stage, f"evt_demo_sub_{number}", _UPDATED, subscription, start + timedelta(minutes=number))
    bounce = {"type": "Permanent", "subType": "General", "message": "The mailbox does not exist."}
    data = {"email_id": "demo-bounced", "to": ["gone@example.com"], "bounce": bounce}
    body = {"type": "email.bounced", "created_at": start.isoformat(), "data": data}
    await _receive(stage, _event("resend", "msg_demo_1", "email.bounced", body, start))
    database = str(stage.stack.database)
    await stage.expect("a checkout sends a mail", lambda: stage.mails("customer@example.com"))
    await stage.expect("the newest of three states is kept", lambda: _is_canceled(stage), where=database)
    await stage.expect("an address that bounces is listed", lambda: _is_listed(stage), where=database)
    await stage.publisher.publish(SendEmail(to="gone@example.com", subject="Hello?", body="<p>Hello?</p>"))
    await stage.expect("it gets no further mail", lambda: _was_suppressed(stage), where=database)


async def _stripe(stage: Stage, event_id: str, event_type: str, data: dict[str, Any], at: datetime) -> None:
    body = {"id": event_id, "object": "event", "created": int(at.timestamp()), "data": {"object": data}}
    await _receive(stage, _event("stripe", event_id, event_type, body, at))


async def _receive(stage: Stage, event: WebhookReceived) -> None:
    """Publish it as the gateway does."""
    await stage.publisher.publish(event, job_id=f"{event.source}-{event.event_id}")


def _event(source: str, event_id: str, event_type: str, body: Any, at: datetime) -> WebhookReceived:
    return WebhookReceived(
        source=source,
        event_id=event_id,
        event_type=event_type,
        received_at=at,
        occurred_at=at,
        body=json.dumps(body),
    )


async def _is_canceled(stage: Stage) -> bool:
    query = select(provider_objects.c.data).where(provider_objects.c.object_id == "sub_demo")
    async with stage.database.read() as connection:
        data = (await connection.execute(query)).scalar_one_or_none()
    return data is not None and data["status"] == "canceled" and await stage.waiting("webhook") == 0


async def _is_listed(stage: Stage) -> bool:
    query = select(email_suppressions.c.address).where(email_suppressions.c.address == "gone@example.com")
    async with stage.database.read() as connection:
        return (await connection.execute(query)).first() is not None


async def _was_suppressed(stage: Stage) -> bool:
    query = select(email_deliveries.c.id).where(email_deliveries.c.status == "suppressed")
    async with stage.database.read() as connection:
        return (await connection.execute(query)).first() is not None and not stage.mails("gone@example.com")
