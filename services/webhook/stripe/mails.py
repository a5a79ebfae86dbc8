"""Mails that Stripe's events lead to: a receipt after a checkout, a word to whoever has to pay again."""

from typing import Any, TypeVar

import msgspec

from contracts.email import SendEmail
from nightshift import Job, Permanent, Skip, WebhookEvent
from nightshift.contract.constraints import explain
from nightshift.webhooks.handled import Id, convert
from services.webhook.mails import render
from services.webhook.stripe.money import money

T = TypeVar("T")
_PAID = frozenset({"paid", "no_payment_required"})


class _Customer(msgspec.Struct):
    email: str | None = None
    name: str | None = None


class _Checkout(msgspec.Struct):
    id: Id
    payment_status: str = "paid"
    amount_total: int | None = None
    currency: str | None = None
    customer_details: _Customer | None = None
    customer_email: str | None = None


class _Invoice(msgspec.Struct):
    id: Id
    attempt_count: int = 0
    amount_due: int | None = None
    currency: str | None = None
    number: str | None = None
    customer_email: str | None = None
    customer_name: str | None = None
    hosted_invoice_url: str | None = None


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Envelope(msgspec.Struct):
    data: _Data


async def thank_for_checkout(event: WebhookEvent, job: Job, *, app_name: str) -> str:
    """Send a mail to whoever has completed a checkout and paid.

    With a payment method that takes days, `checkout.session.async_payment_succeeded` says later that it is paid.

    Raises:
        Skip: it is not paid yet, or Stripe knows no address.
    """
    checkout = _subject(event, _Checkout)
    if checkout.payment_status not in _PAID:
        raise Skip(f"{checkout.id} is not paid yet: its payment is {checkout.payment_status}")
    customer = checkout.customer_details or _Customer()
    to = customer.email or checkout.customer_email
    if not to:
        raise Skip(f"{checkout.id} has no email address")
    total = money(checkout.amount_total, checkout.currency)
    body = render("checkout_completed.html", app_name=app_name, name=customer.name, total=total)
    # One mail for a checkout, whichever of its events says that it is paid, and if it is replayed.
    job.enqueue(_mail(to, f"{app_name}: thank you for your order", body), job_id=f"stripe-checkout/{checkout.id}")
    return checkout.id


async def tell_of_failed_payment(event: WebhookEvent, job: Job, *, app_name: str) -> str:
    """Send a mail to whoever has to pay an invoice whose payment failed.

    Raises:
        Skip: Stripe knows no address.
    """
    invoice = _subject(event, _Invoice)
    if not invoice.customer_email:
        raise Skip(f"{invoice.id} has no email address")
    body = render(
        "payment_failed.html",
        app_name=app_name,
        name=invoice.customer_name,
        number=invoice.number or invoice.id,
        due=money(invoice.amount_due, invoice.currency),
        link=_https(invoice.hosted_invoice_url),
    )
    mail = _mail(invoice.customer_email, f"{app_name}: your payment did not go through", body)
    job.enqueue(mail, job_id=f"stripe-payment-failed/{invoice.id}/{invoice.attempt_count}")
    return invoice.id


def _subject(event: WebhookEvent, kind: type[T]) -> T:
    return convert(event, kind, convert(event, _Envelope).data.object, "data.object")


def _https(link: str | None) -> str | None:
    return link if link and link.startswith("https://") else None


def _mail(to: str, subject: str, body: str) -> SendEmail:
    try:
        return msgspec.convert({"to": to, "subject": subject, "body": body}, SendEmail)
    except msgspec.ValidationError as error:
        raise Permanent(f"no mail can be sent to {to!r}: {explain(error)}") from None
