"""The commands that the webhook service adds to `nightshift`."""

from nightshift.cli.client.command import Groups, group
from services.webhook.cli import catch_up, listing, replay, send


def register(groups: Groups) -> None:
    """Declare them."""
    webhooks = group(groups, "webhooks", "Events of third parties: what came, what became of it, and doing it again.")
    for module in (listing, replay, send, catch_up):
        module.register(webhooks)
