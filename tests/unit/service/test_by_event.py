"""Which handler an event gets."""

import pytest

from nightshift.service.by_event import find_handler

CREATED, ANY, STAR = "created", "any", "star"
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
    source: str, event_type: str, expected: str | None
) -> None:
    """And no source gets the handler of another one."""
    assert find_handler(TABLE, source, event_type) == expected
