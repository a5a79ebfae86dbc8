"""What is left of a request when it is over."""

import gc
import weakref
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from nightshift.gateway.exchange import Exchanges, exchange_of


class Pass:
    """A stage that can be watched."""

    async def receive(self) -> Message:
        """Have nothing."""
        return {"type": "http.disconnect"}

    async def send(self, _message: Message) -> None:
        """Send nothing."""


async def test_nothing_of_a_request_waits_for_the_garbage_collector() -> None:
    """Thousands a second would: its parts do not hold each other when it was answered."""
    seen = list[weakref.ref[Any]]()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        assert exchange_of(scope).method == "GET"
        await send({"type": "http.response.start", "status": 204, "headers": []})

    cycle = Pass()
    seen.append(weakref.ref(cycle))
    gc.disable()
    try:
        await Exchanges(answer)({"type": "http", "method": "GET", "cycle": cycle}, cycle.receive, cycle.send)
        del cycle
        assert seen[0]() is None
    finally:
        gc.enable()
