"""The commands that the gateway adds to `nightshift`."""

from nightshift.cli.client.command import Groups
from services.gateway.auth import key_commands


def register(groups: Groups) -> None:
    """Declare them."""
    key_commands.register(groups)
