"""What happens when a service wants no more requests: the job waits as long as it says, and no attempt is counted."""

import time
from datetime import timedelta

import pytest

from demo.sites.http_site import Reply
from nightshift.outcomes import Snooze
from tests.integration.services.sync.desk import Desk

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


async def snoozed(desk: Desk, message: object) -> timedelta:
    """How long a run says that it wants to wait."""
    with pytest.raises(Snooze) as snooze:
        await desk.run(message)  # type: ignore[arg-type] # what `link` returned
    return snooze.value.delay


def is_about(delay: timedelta, seconds: float) -> bool:
    """Within two seconds, for clocks that count whole ones."""
    return abs(delay.total_seconds() - seconds) <= 2


async def test_a_used_up_limit_waits_for_its_reset(desk: Desk) -> None:
    """403 with nothing remaining: until `X-RateLimit-Reset`."""
    message = await desk.link()
    desk.github.remaining, desk.github.reset = 0, time.time() + 1800
    assert is_about(await snoozed(desk, message), 1801)
    assert desk.metrics.rate_limits["github"] == 1


async def test_the_last_request_is_not_followed_by_one_too_many(desk: Desk) -> None:
    """A page that says that nothing remains is stored, and the next one waits without being asked for."""
    message = await desk.link()
    desk.github.remaining = 2
    assert is_about(await snoozed(desk, message), 3600)
    assert desk.pages() == ["1", "2"]
    assert len(await desk.records(message)) == 200


async def test_nobody_asks_before_the_reset_and_then_the_round_goes_on(desk: Desk) -> None:
    """Another job of the account waits too, without a request; after the reset the next page is the next page."""
    message = await desk.link()
    desk.github.remaining = 1
    await snoozed(desk, message)
    assert is_about(await snoozed(desk, message), 3600)
    assert desk.pages() == ["1"]
    desk.later, desk.github.remaining = timedelta(hours=1, seconds=5), 5000
    await desk.run(message)
    assert desk.pages() == ["1", "2", "3"]
    assert len(await desk.records(message)) == 250


@pytest.mark.parametrize("status", [403, 429])
async def test_retry_after_goes_before_everything(desk: Desk, status: int) -> None:
    """A secondary limit names its own time."""
    message = await desk.link()
    desk.github.script.append(desk.github.error(status, SECONDARY, {"Retry-After": "47"}))
    assert await snoozed(desk, message) == timedelta(seconds=47)


@pytest.mark.parametrize("status", [403, 429])
async def test_a_limit_without_a_time_waits_longer_each_time(desk: Desk, status: int) -> None:
    """A minute at first, then twice that; a page that is answered ends the series."""
    message = await desk.link()
    for minutes in (1, 2, 4):
        desk.github.script.append(desk.github.error(status, SECONDARY))
        assert await snoozed(desk, message) == timedelta(minutes=minutes)
        desk.later += timedelta(minutes=minutes, seconds=1)
    desk.github.script.extend([None, desk.github.error(status, SECONDARY)])
    assert await snoozed(desk, message) == timedelta(minutes=1)


async def test_accounts_that_share_our_limit_wait_together(desk: Desk) -> None:
    """Without credentials of their own they use one token: when one is refused, the others need not ask."""
    desk.github.tokens["ghp_made_up_token_of_ours"] = "nobody"
    desk.github.accounts |= {"ada": [], "eve": []}
    ada = await desk.link("github", external_account="ada")
    eve = await desk.link("github", external_account="eve")
    desk.github.script.append(desk.github.error(403, SECONDARY, {"Retry-After": "600"}))
    assert await snoozed(desk, ada) == timedelta(minutes=10)
    assert is_about(await snoozed(desk, eve), 600)
    assert len(desk.github_site.requests) == 1


async def test_a_mad_reset_is_bounded(desk: Desk) -> None:
    """A server may say anything: a job sleeps a day at most, a second at least."""
    message = await desk.link()
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999999999999"}
    desk.github.script.append(desk.github.error(403, "rate limit", headers))
    assert await snoozed(desk, message) == timedelta(days=1)
    other = await desk.link("github", credentials="gho_made_up_token_of_ada")
    desk.github.script.append(desk.github.error(403, "rate limit", headers | {"X-RateLimit-Reset": "1"}))
    assert await snoozed(desk, other) == timedelta(seconds=1)


async def test_a_feed_may_want_to_be_left_alone(desk: Desk) -> None:
    """429, or 503 with a time: until then, or a quarter of an hour."""
    message = await desk.link_feed()
    desk.feeds.script.append(Reply(503, {"Retry-After": "120"}))
    assert await snoozed(desk, message) == timedelta(minutes=2)
    other = await desk.link_feed()
    desk.feeds.script.append(Reply(429))
    assert await snoozed(desk, other) == timedelta(minutes=15)
