"""The events that are handled, each with its handler: where a handler of your own is added."""

from functools import partial

from nightshift.database import Database
from services.webhook.github import sync_owner
from services.webhook.resend import mail_bounced, mail_complained
from services.webhook.routing import HandlerTable
from services.webhook.stripe.mails import tell_of_failed_payment, thank_for_checkout
from services.webhook.stripe.objects import keep_object, refresh_of_thin_event


def event_handlers(database: Database, *, app_name: str) -> HandlerTable:
    """Return the handlers by source and pattern, bound to what they work with.

    The sources are those of the gateway's file of sources: two accounts at one provider are two sources.
    """
    thanks = partial(thank_for_checkout, app_name=app_name)
    return {
        ("stripe", "checkout.session.completed"): thanks,
        ("stripe", "checkout.session.async_payment_succeeded"): thanks,
        ("stripe", "invoice.payment_failed"): partial(tell_of_failed_payment, app_name=app_name),
        ("stripe", "customer.subscription.*"): keep_object,
        # Thin events are named after the version of the API that has their object.
        ("stripe", "v[12].*"): refresh_of_thin_event,
        ("github", "push"): partial(sync_owner, database=database),
        ("github", "release"): partial(sync_owner, database=database),
        ("resend", "email.bounced"): partial(mail_bounced, database=database),
        ("resend", "email.complained"): partial(mail_complained, database=database),
    }
