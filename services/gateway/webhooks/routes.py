"""The operations of webhooks."""

from collections.abc import Sequence

from services.gateway.context import GatewayContext
from services.gateway.operation import Operation


def operations(context: GatewayContext) -> Sequence[Operation]:
    """Return the operations of webhooks."""
    del context
    return ()
