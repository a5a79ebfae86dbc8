"""The webhook service: its handlers, and the real dependencies of them."""

from collections.abc import AsyncIterator, Mapping

from contracts.email import SendEmail
from contracts.sync import SyncExternal
from nightshift import Job, Message, ServiceContext, WebhookEvent, Webhooks
from nightshift.config.settings import Secret
from nightshift.database import Database
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.service.event_recorder import EventRecorder
from services.webhook.event_rows import LOG
from services.webhook.event_table import declare_events
from services.webhook.metrics import WebhookMetrics
from services.webhook.refreshing import ProviderApi, refresh_object
from services.webhook.settings import WebhookSettings
from services.webhook.stripe.api import StripeApi

_log = get_logger("webhook")


async def given_up(event: WebhookEvent, _job: Job, reason: str, *, recorder: EventRecorder) -> None:
    """Record an event that became a dead letter."""
    await recorder.given_up(event, reason)


webhook = Webhooks(
    settings=WebhookSettings, publishes=[SendEmail, SyncExternal], on_dead_letter=given_up, records=False
)
webhook.handler(refresh_object)
declare_events(webhook)


@webhook.around
async def record(event: WebhookEvent | Message, job: Job, *, recorder: EventRecorder) -> AsyncIterator[None]:
    """Record what became of an event."""
    if not isinstance(event, WebhookEvent):
        yield
        return
    async with recorder.recording(event, job):
        yield


@webhook.resource
def app_name(settings: WebhookSettings) -> str:
    """Name of the application, for mails."""
    return settings.app_name


@webhook.resource
def recorder(
    settings: WebhookSettings, database: Database, objects: ObjectStore, context: ServiceContext
) -> EventRecorder:
    """Records each event."""
    metrics = WebhookMetrics()
    context.metrics.registry.register(metrics)
    return EventRecorder(database, objects, settings.keep_bodies, LOG, metrics.count)


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
