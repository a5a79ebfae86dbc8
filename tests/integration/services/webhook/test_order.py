"""In whatever order events of an object come, and however often, the same is kept of it in the end."""

import asyncio
from itertools import permutations
from typing import Any

import pytest

from contracts.webhook import RefreshObject, WebhookReceived
from tests.integration.services.webhook.desk import Desk, refreshes, stripe_event, subscription

CREATED, UPDATED, DELETED = (f"customer.subscription.{what}" for what in ("created", "updated", "deleted"))
Story = tuple[tuple[str, str, int], ...]
"""Type of event, status of the subscription, second at which it happened."""
STORIES: dict[str, Story] = {
    "all-at-different-times": (
        (CREATED, "incomplete", 0),
        (UPDATED, "active", 1),
        (UPDATED, "past_due", 2),
        (UPDATED, "active", 3),
        (DELETED, "canceled", 4),
    ),
    "some-in-one-second": (
        (CREATED, "incomplete", 0),
        (UPDATED, "trialing", 0),
        (UPDATED, "active", 0),
        (UPDATED, "past_due", 5),
        (UPDATED, "unpaid", 5),
    ),
    "all-in-one-second": (
        (CREATED, "incomplete", 0),
        (UPDATED, "trialing", 0),
        (UPDATED, "active", 0),
        (UPDATED, "past_due", 0),
        (DELETED, "canceled", 0),
    ),
}


def _events(story: Story, number: str) -> list[WebhookReceived]:
    return [
        stripe_event(f"evt_{number}_{place}", kind, subscription(number, status, place=place), second=second)
        for place, (kind, status, second) in enumerate(story)
    ]


@pytest.mark.parametrize(
    ("desk", "story"),
    [*(("sqlite", name) for name in STORIES), ("postgresql", "some-in-one-second")],
    indirect=["desk"],
)
async def test_every_order_of_five_events_ends_in_the_same_state(desk: Desk, story: str) -> None:
    """All 120 orders; one event comes a second time at the end, as at-least-once senders do."""
    last = STORIES[story][-1]

    async def play(number: str, order: tuple[int, ...]) -> tuple[dict[str, Any], bool]:
        events = _events(STORIES[story], number)
        present = subscription(number, last[1], place=4)
        desk.stripe.objects[f"/v1/subscriptions/sub_{number}"] = present
        await desk.receive_all(*(events[place] for place in order), events[0])
        data, deleted = await desk.kept(f"sub_{number}")
        assert data == present, order
        return {**data, "id": ""}, deleted

    ends = list[tuple[dict[str, Any], bool]]()
    for group in _groups(list(permutations(range(5))), 24):
        ends += await asyncio.gather(*(play("".join(map(str, order)), order) for order in group))
    assert len(ends) == 120
    assert all(end == (subscription("", last[1], place=4) | {"id": ""}, last[0] == DELETED) for end in ends)


def _groups(orders: list[tuple[int, ...]], size: int) -> list[list[tuple[int, ...]]]:
    return [orders[start : start + size] for start in range(0, len(orders), size)]


async def test_an_older_event_changes_nothing(desk: Desk) -> None:
    """`updated` came before `created`: the row has the update, and the other event is stale."""
    await desk.receive_all(
        stripe_event("evt_2", UPDATED, subscription("1", "active"), second=2),
        stripe_event("evt_1", CREATED, subscription("1", "incomplete"), second=1),
    )
    assert await desk.kept("sub_1") == (subscription("1", "active"), False)
    assert await desk.outcomes() == {"evt_1": "stale", "evt_2": "done"}
    assert desk.site.requests == []


async def test_a_late_event_does_not_bring_a_deleted_object_back(desk: Desk) -> None:
    """Its row stays, as the mark that it is gone."""
    await desk.receive_all(
        stripe_event("evt_2", DELETED, subscription("1", "canceled"), second=2),
        stripe_event("evt_1", UPDATED, subscription("1", "active"), second=1),
    )
    assert await desk.kept("sub_1") == (subscription("1", "canceled"), True)


async def test_ten_events_of_one_second_make_one_request(desk: Desk) -> None:
    """Nobody can tell which is the newest; the refreshes have one id, and Stripe is asked once."""
    desk.stripe.objects["/v1/subscriptions/sub_1"] = present = subscription("1", "active", place=9)
    results = [
        await desk.receive(stripe_event(f"evt_{number}", UPDATED, subscription("1", "active", place=number)))
        for number in range(10)
    ]
    asked = [job for result in results for job in refreshes(result)]
    assert {job.job_id for job in asked} == {"refresh-sub_1-20261127T090000Z"}
    for job in asked:
        await desk.refresh(job.decode(RefreshObject), job_id=job.job_id)
    assert [request.path for request in desk.site.requests] == ["/v1/subscriptions/sub_1"]
    assert await desk.kept("sub_1") == (present, False)
    assert list((await desk.outcomes()).values()).count("refreshing") == 9
    assert desk.metrics.events == {("stripe", "done"): 1, ("stripe", "refreshing"): 9}


async def test_an_event_of_a_second_that_was_refreshed_is_stale(desk: Desk) -> None:
    """Stripe was asked after that second was over: its answer contains what happened in it."""
    desk.stripe.objects["/v1/subscriptions/sub_1"] = present = subscription("1", "past_due")
    await desk.receive_all(*(stripe_event(f"evt_{n}", UPDATED, subscription("1", "active", n=n)) for n in range(2)))
    late = await desk.receive(stripe_event("evt_late", UPDATED, subscription("1", "trialing")))
    assert (refreshes(late), await desk.kept("sub_1")) == ([], (present, False))
    assert (await desk.outcomes())["evt_late"] == "stale"
    assert desk.metrics.events == {("stripe", "stale"): 1}


async def test_the_same_event_again_is_no_tie(desk: Desk) -> None:
    """After its inbox row is gone, or in a replay: it is the one that is kept."""
    event = stripe_event("evt_1", UPDATED, subscription("1", "active"))
    await desk.receive(event)
    again = await desk.receive(event, job_id="another")
    assert (again.outcome, again.follow_ups, await desk.outcomes()) == ("done", [], {"evt_1": "done"})


async def test_a_refresh_that_is_overtaken_changes_nothing(desk: Desk) -> None:
    """A newer event is committed while Stripe answers."""
    event = stripe_event("evt_9", UPDATED, subscription("1", "unpaid"), second=10**8)
    message = RefreshObject(
        source="stripe",
        object_id="sub_1",
        object_type="subscription",
        path="/v1/subscriptions/sub_1",
        as_of=stripe_event("evt", UPDATED, {}).occurred_at or event.received_at,
    )
    desk.stripe.objects["/v1/subscriptions/sub_1"] = subscription("1", "active")
    await desk.receive(event)
    assert (await desk.refresh(message)).outcome == "done"
    assert await desk.kept("sub_1") == (subscription("1", "unpaid"), False)
