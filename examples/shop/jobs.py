"""The shop's background jobs: charge an invoice at a provider, record it, and mail a receipt."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
from msgspec import Meta
from sqlalchemy import insert

from examples.shop.tables import charges
from nightshift import Job, Message, Permanent, Retries, ScheduleFired, Service, Settings


class ChargeInvoice(Message):
    """Charge an invoice."""

    SUBJECT = "jobs.billing.charge"
    invoice_id: str
    cents: Annotated[int, Meta(ge=1)]
    email: str


class SendEmail(Message):
    """The email service's message, as far as the shop uses it."""

    SUBJECT = "jobs.email.send"
    to: str
    subject: str
    body: str


class ShopSettings(Settings, frozen=True, kw_only=True):
    """PROVIDER_URL, besides what every worker has."""

    provider_url: Annotated[str, Meta(description="Where payments are made.")]


billing = Service(
    "billing", settings=ShopSettings, publishes=[SendEmail], schema="examples.shop", tables={"charges": "INSERT"}
)


@billing.resource
async def provider(settings: ShopSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The provider's API."""
    async with httpx.AsyncClient(base_url=settings.provider_url) as client:
        yield client


@billing.handler(retries=Retries(most=10, base=2.0), timeout=60)
async def charge_invoice(message: ChargeInvoice, job: Job, *, provider: httpx.AsyncClient) -> None:
    """Charge it under a stable key, so that a second attempt is the same payment."""
    body = {"amount": message.cents}
    answer = await provider.post("/charges", json=body, headers={"Idempotency-Key": job.key})
    if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
        raise Permanent(f"the card was declined: {answer.text}")
    answer.raise_for_status()
    job.write(insert(charges), {"invoice_id": message.invoice_id, "cents": message.cents})
    job.enqueue(SendEmail(to=message.email, subject="Your receipt", body=f"<p>Paid: {message.cents / 100:.2f}</p>"))


@billing.every("billing.dunning", "0 6 * * *", time_zone="Europe/Berlin")
async def remind(event: ScheduleFired, job: Job) -> None:
    """Mail a reminder each morning."""
    subject = f"Open invoices of {event.due:%Y-%m-%d}"
    job.enqueue(SendEmail(to="accounts@example.com", subject=subject, body="<p>See the list.</p>"))
