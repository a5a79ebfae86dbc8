"""Run the webhook service: `python -m services.webhook`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.webhook import RefreshObject, WebhookReceived
from nightshift.config.secret import Secret
from nightshift.contract.constraints import empty_body_error
from nightshift.observability.log import get_logger
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers, Route
from services.webhook.event import decode_event
from services.webhook.event_table import event_handlers
from services.webhook.handlers import EventRecorder
from services.webhook.metrics import WebhookMetrics
from services.webhook.refreshing import refresh_object
from services.webhook.settings import WebhookSettings
from services.webhook.stripe.api import StripeApi

_log = get_logger("webhook")


@asynccontextmanager
async def handlers(settings: WebhookSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Bind the service's handlers to their real dependencies."""
    metrics = WebhookMetrics()
    context.metrics.registry.register(metrics)
    table = event_handlers(context.database, app_name=settings.app_name)
    recorder = EventRecorder(table, context.database, context.objects, metrics, settings.keep_bodies)
    apis = {"stripe": _stripe(settings)} if settings.stripe_api_key else {}
    if not apis:
        _log.warning(
            "no_stripe_key",
            "STRIPE_API_KEY is not set: where events of Stripe do not say which state of an object is the newest, "
            "there will be dead letters",
        )
    try:
        yield {
            WebhookReceived: Route(
                recorder.webhook_received,
                decode_event,
                empty_body_error=empty_body_error(WebhookReceived),
                on_dead_letter=recorder.given_up,
            ),
            RefreshObject: partial(refresh_object, apis=apis),
        }
    finally:
        for api in apis.values():
            await api.close()


def _stripe(settings: WebhookSettings) -> StripeApi:
    return StripeApi(settings.stripe_api_key or Secret(""), url=settings.stripe_api_url)


if __name__ == "__main__":
    sys.exit(run("webhook", WebhookSettings, handlers))
