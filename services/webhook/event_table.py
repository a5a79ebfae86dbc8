"""The events that are handled, each with its handler: where a handler of your own is added."""

from nightshift import Webhooks
from services.webhook.github import sync_owner
from services.webhook.resend import mail_bounced, mail_complained
from services.webhook.stripe.mails import tell_of_failed_payment, thank_for_checkout
from services.webhook.stripe.objects import keep_object, refresh_of_thin_event


def declare_events(webhook: Webhooks) -> None:
    """Declare the handlers: each returns the provider's id of the object that an event is about, for its row."""
    webhook.on("stripe", "checkout.session.completed")(thank_for_checkout)
    webhook.on("stripe", "checkout.session.async_payment_succeeded")(thank_for_checkout)
    webhook.on("stripe", "invoice.payment_failed")(tell_of_failed_payment)
    webhook.on("stripe", "customer.subscription.*")(keep_object)
    # Thin events are named after the version of the API that has their object.
    webhook.on("stripe", "v[12].*")(refresh_of_thin_event)
    webhook.on("github", "push")(sync_owner)
    webhook.on("github", "release")(sync_owner)
    webhook.on("resend", "email.bounced")(mail_bounced)
    webhook.on("resend", "email.complained")(mail_complained)
