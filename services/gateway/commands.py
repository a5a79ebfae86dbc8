"""The commands that the gateway adds to `nightshift`: the API keys, in the application's own table."""

from nightshift.cli.client.command import Groups
from nightshift.cli.commands import keys


def register(groups: Groups) -> None:
    """Declare them."""
    keys.register(groups, table="services.gateway.keys:KEYS")
