"""Which handler gets which event: one table, by source and pattern of the type."""

from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase

from nightshift.messaging.job import Job
from services.webhook.event import Event

EventHandler = Callable[[Event, Job], Awaitable[str | None]]
"""A plain async function of the event and the job; what else it needs is bound beforehand.

It records its effects on the job, and may say what every handler may say. It returns the provider's id of the object
that the event is about, for the event's row; None if there is none.
"""
HandlerTable = Mapping[tuple[str, str], EventHandler]
"""Source and pattern to handler: `("stripe", "customer.subscription.*")`."""


def find_handler(table: HandlerTable, source: str, event_type: str) -> EventHandler | None:
    """Return the handler of an event: of its very type, else of the first pattern in the table that fits."""
    exact = table.get((source, event_type))
    if exact is not None:
        return exact
    fitting = (handler for (of, pattern), handler in table.items() if of == source and fnmatchcase(event_type, pattern))
    return next(fitting, None)
