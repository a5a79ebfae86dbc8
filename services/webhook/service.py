"""The webhook service: its handlers, and the real dependencies of them."""

from collections.abc import AsyncIterator, Mapping

from contracts.email import SendEmail
from contracts.sync import SyncExternal
from contracts.webhook import WebhookReceived
from nightshift import Job, Service, ServiceContext
from nightshift.config.secret import Secret
from nightshift.database import Database
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from services.webhook.event import Event, decode_event
from services.webhook.event_table import event_handlers
from services.webhook.handlers import EventRecorder
from services.webhook.metrics import WebhookMetrics
from services.webhook.refreshing import ProviderApi, refresh_object
from services.webhook.settings import WebhookSettings
from services.webhook.stripe.api import StripeApi

_log = get_logger("webhook")
webhook = Service("webhook", settings=WebhookSettings, publishes=[SendEmail, SyncExternal])
webhook.handler(refresh_object)


@webhook.resource
def recorder(
    settings: WebhookSettings, database: Database, objects: ObjectStore, context: ServiceContext
) -> EventRecorder:
    """Works off events, and records each."""
    metrics = WebhookMetrics()
    context.metrics.registry.register(metrics)
    table = event_handlers(database, app_name=settings.app_name)
    return EventRecorder(table, database, objects, metrics, settings.keep_bodies)


@webhook.resource
async def apis(settings: WebhookSettings) -> AsyncIterator[Mapping[str, ProviderApi]]:
    """The providers' APIs, by source."""
    if not settings.stripe_api_key:
        _log.warning(
            "no_stripe_key",
            "STRIPE_API_KEY is not set: where events of Stripe do not say which state of an object is the newest, "
            "there will be dead letters",
        )
        yield {}
        return
    stripe = StripeApi(settings.stripe_api_key or Secret(""), url=settings.stripe_api_url)
    yield {"stripe": stripe}
    await stripe.close()


async def given_up(event: Event, job: Job, reason: str, *, recorder: EventRecorder) -> None:
    """Record an event that became a dead letter."""
    await recorder.given_up(event, job, reason)


@webhook.handler(message=WebhookReceived, decode=decode_event, on_dead_letter=given_up)
async def webhook_received(event: Event, job: Job, *, recorder: EventRecorder) -> None:
    """Work off one event."""
    await recorder.webhook_received(event, job)
