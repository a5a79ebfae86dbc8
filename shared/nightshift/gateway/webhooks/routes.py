"""The operations of webhooks."""

from collections.abc import Sequence

from starlette.responses import Response

from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Call, Operation


def operations(context: GatewayContext) -> Sequence[Operation]:
    """Return the operations of webhooks."""

    async def receive(call: Call) -> Response:
        return await context.webhooks.receive(call)

    return (Operation("POST", "/webhooks/{source}", receive, None),)
