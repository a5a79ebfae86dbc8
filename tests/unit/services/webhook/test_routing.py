"""Which handler an event gets."""

import pytest

from nightshift.messaging.job import Job
from services.webhook.event import Event
from services.webhook.routing import EventHandler, find_handler


def _handler(name: str) -> EventHandler:
    async def handler(_event: Event, _job: Job) -> str:
        return name

    return handler


CREATED, ANY, STAR = _handler("created"), _handler("any"), _handler("star")
TABLE = {
    ("stripe", "customer.*"): ANY,
    ("stripe", "customer.created"): CREATED,
    ("stripe", "*"): STAR,
    ("acme", "order.paid"): CREATED,
}


@pytest.mark.parametrize(
    ("source", "event_type", "expected"),
    [
        ("stripe", "customer.created", CREATED),
        ("stripe", "customer.subscription.deleted", ANY),
        ("stripe", "invoice.paid", STAR),
        ("acme", "order.paid", CREATED),
        ("acme", "order.Paid", None),
        ("acme", "customer.created", None),
        ("github", "push", None),
    ],
)
def test_the_very_type_counts_before_patterns_in_their_order(
    source: str, event_type: str, expected: EventHandler | None
) -> None:
    """And no source gets the handler of another one."""
    assert find_handler(TABLE, source, event_type) is expected
