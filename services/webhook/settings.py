"""The settings of the webhook service."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from nightshift import Settings
from nightshift.config.settings import OBJECTS, Pattern, Secret


class WebhookSettings(Settings, frozen=True, kw_only=True):
    """How long events can be replayed, and the providers' APIs."""

    REQUIRES = OBJECTS

    webhook_keep_days: Annotated[
        int,
        Meta(
            ge=0,
            le=365,
            description="The bodies of events are kept for so many days, in the object store, so that they can be "
            "replayed; 0 keeps none.",
        ),
    ] = 30
    app_name: Annotated[
        str,
        Pattern(r"[^\x00-\x1f\x7f]{1,80}", "Acme"),
        Meta(description="Name of the application, shown in mails."),
    ] = "Nightshift"
    stripe_api_key: Annotated[
        Secret | None,
        Meta(
            description="Restricted key that may read what is kept of Stripe (subscriptions). Stripe is asked where "
            "its events do not say which state is the newest; without a key those end as dead letters."
        ),
    ] = None
    stripe_api_url: Annotated[
        str,
        Pattern(r"https?://[^\s?#@]+", "https://api.stripe.com"),
        Meta(description="Address of Stripe's API."),
    ] = "https://api.stripe.com"

    @property
    def keep_bodies(self) -> timedelta:
        """How long the bodies of events are kept."""
        return timedelta(days=self.webhook_keep_days)
