"""Which handler gets which event of a provider: by its source, and a pattern of its type."""

from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from nightshift.messaging.job import Handler, Job
from nightshift.webhooks.handled import WebhookEvent

H = TypeVar("H")
EventHandler = Callable[[Any, Job], Awaitable[Any]]


def find_handler(table: Mapping[tuple[str, str], H], source: str, event_type: str) -> H | None:
    """Return the handler of an event: of its very type, else of the first pattern in the table that fits."""
    exact = table.get((source, event_type))
    if exact is not None:
        return exact
    fitting = (handler for (of, pattern), handler in table.items() if of == source and fnmatchcase(event_type, pattern))
    return next(fitting, None)


def dispatching(table: Mapping[tuple[str, str], EventHandler], otherwise: EventHandler) -> Handler:
    """Return the handler that hands each event to its own; what that returns is kept for the hooks around it."""

    async def dispatch(event: WebhookEvent, job: Job) -> None:
        handler = find_handler(table, event.source, event.type) or otherwise
        event.returned = await handler(event, job)

    return dispatch
