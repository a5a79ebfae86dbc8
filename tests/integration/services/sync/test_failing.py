"""What becomes of an account that keeps failing, and how refusals that pass are told from those that stay."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from contracts.sync import SyncAll, SyncExternal
from demo.sites.feed_site import RSS_TYPE, rss
from demo.sites.http_site import Reply
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip, Snooze
from schema.tables import linked_accounts
from services.sync.connector import SyncFailedError
from services.sync.fan_out import sync_all
from tests.integration.services.sync.desk import OUR_TOKEN, TOKEN, Desk

GONE = "http://no-such-host.invalid/feed"
NO_FAILURES = {"failures": 0, "refusals": 0, "first_failed_at": None, "retry_at": None, "error": None}


async def standing(desk: Desk, message: SyncExternal) -> dict[str, object]:
    """The columns that speak of failures."""
    account = await desk.account(message)
    return {name: account[name] for name in NO_FAILURES}


async def due(desk: Desk, hours: float) -> list[SyncExternal]:
    """The accounts for which the schedule makes a job at that hour."""
    desk.later = timedelta(hours=hours)
    job = Job(service="sync", type="sync.all", id=f"run-{hours}", key=f"run-{hours}")
    await sync_all(SyncAll(), job, database=desk.database, services=desk.connectors.keys(), now=desk.now)
    return [follow_up.message for follow_up in job.follow_ups if isinstance(follow_up.message, SyncExternal)]


@pytest.mark.parametrize("message_text", ["Bad credentials", "Requires authentication"])
async def test_one_refusal_in_the_middle_of_a_round_is_forgotten(desk: Desk, message_text: str) -> None:
    """A 401 that passes, as during an incident: the job waits a quarter of an hour, and ends its round."""
    message = await desk.link()
    desk.github.script.extend([None, desk.github.error(401, message_text)])
    error = await desk.at(0, message)
    assert isinstance(error, Snooze)
    assert timedelta(minutes=14) < error.delay <= timedelta(minutes=15)
    account = await desk.account(message)
    assert (account["status"], account["failures"], account["refusals"]) == ("active", 1, 1)
    assert message_text in account["error"]
    assert await desk.at(0.25, message) is None
    assert len(await desk.records(message)) == 250
    assert await standing(desk, message) == NO_FAILURES


@pytest.mark.parametrize("status", [401, 410])
async def test_a_feed_that_is_closed_once_is_read_again(desk: Desk, status: int) -> None:
    """A maintenance page says 401 or 410, too."""
    desk.feeds.documents["/feed"] = (rss([1]), RSS_TYPE)
    desk.feeds.script.append(Reply(status))
    message = await desk.link_feed()
    assert isinstance(await desk.at(0, message), Snooze)
    assert await desk.at(1, message) is None
    assert list(await desk.records(message)) == ["entry-1"]


async def test_refusals_over_hours_revoke_the_account(desk: Desk) -> None:
    """The row says so and why, the job is a dead letter, its records stay, and nobody asks again."""
    message = await desk.link()
    await desk.run(message)
    desk.github.tokens.clear()
    ends = {hour: await desk.at(hour, message) for hour in range(7)}
    assert [hour for hour, end in ends.items() if isinstance(end, Permanent)] == [6]
    assert all(isinstance(ends[hour], Snooze) for hour in range(6))
    account = await desk.account(message)
    assert account["status"] == "revoked"
    assert account["error"] == str(ends[6])
    assert "has to be linked again: GitHub answered 401: Bad credentials" in account["error"]
    assert await standing(desk, message) == NO_FAILURES | {"error": account["error"]}
    assert desk.metrics.revoked["github"] == 1
    assert len(await desk.records(message)) == 250
    desk.forget()
    assert isinstance(await desk.at(7, message), Permanent)
    assert await due(desk, 7) == []
    assert desk.github_site.requests == []


async def test_many_refusals_in_a_minute_are_one(desk: Desk) -> None:
    """Somebody presses the button again and again while the service is ill."""
    message = await desk.link()
    desk.github.tokens.clear()
    for _ in range(10):
        assert isinstance(await desk.at(0, message), Snooze)
    desk.github.tokens[TOKEN] = "ada"
    assert await desk.at(0.01, message) is None


async def test_refusals_with_other_failures_between_do_not_add_up(desk: Desk) -> None:
    """A service that is ill says this and that."""
    message = await desk.link()
    refused, broken = desk.github.error(401, "Bad credentials"), desk.github.error(500, "Server Error")
    for round_number in range(8):
        desk.github.script.append(refused if round_number % 2 else broken)
        await desk.at(48 * round_number, message)
    assert (await desk.account(message))["status"] == "active"


async def test_an_account_that_is_gone_is_revoked_in_the_end(desk: Desk) -> None:
    """404 for the account's own name."""
    desk.github.tokens[OUR_TOKEN] = "nobody"
    message = await desk.link("github", external_account="ada/../eve")
    ends = [await desk.at(hour, message) for hour in (0, 6, 12, 18)]
    assert [type(end) for end in ends] == [Snooze, Snooze, Snooze, Permanent]
    assert "404" in str(ends[-1])
    assert desk.github_site.requests[0].path == "/users/ada%2F..%2Feve/repos"


async def test_a_host_that_is_gone_for_a_month_is_given_up_quietly(desk: Desk) -> None:
    """A job every six hours would be 120 dead letters: there is one at the beginning and one at the end."""
    message = await desk.link("feed", base_url=GONE)
    ends: Counter[str] = Counter()
    waits_until, last_try = float("inf"), 0
    for hour in range(0, 35 * 24, 6):
        if hour >= waits_until or await due(desk, hour):
            end, last_try = await desk.at(hour, message), hour
            ends[type(end).__name__] += 1
            waits_until = hour + end.delay.total_seconds() / 3600 if isinstance(end, Snooze) else float("inf")
    assert ends.pop("Snooze") < 25
    assert ends == {"SyncFailedError": 1, "Permanent": 1}
    account = await desk.account(message)
    assert account["status"] == "disabled"
    assert account["error"].startswith("the account is switched off, because it failed for 30 days: no answer from")
    assert last_try >= 30 * 24
    assert desk.metrics.switched_off["feed"] == 1
    assert await due(desk, 36 * 24) == []
    assert isinstance(await desk.at(36 * 24, message), Skip)


async def test_an_account_that_answers_again_is_as_good_as_any(desk: Desk) -> None:
    """However long it had failed: its pauses begin anew."""
    message = await desk.link("feed", base_url=GONE)
    for day in range(0, 29, 2):
        await desk.at(24 * day, message)
    assert await due(desk, 29 * 24) == []
    desk.feeds.documents["/feed"] = (rss([1]), RSS_TYPE)
    await desk.change(message, base_url=f"{desk.feed_site.url}/feed")
    assert await desk.at(29 * 24, message) is None
    assert await standing(desk, message) == NO_FAILURES
    assert await due(desk, 29 * 24) == [message]


async def test_an_account_that_was_switched_on_again_has_another_month(desk: Desk) -> None:
    """All that the application does is to set its status."""
    message = await desk.link("feed", base_url=GONE)
    for day in range(0, 33, 2):
        await desk.at(24 * day, message)
    assert (await desk.account(message))["status"] == "disabled"
    await desk.change(message, status="active")
    assert isinstance(await desk.at(24 * 40, message), SyncFailedError)
    assert (await desk.account(message))["status"] == "active"


async def test_two_failures_in_two_months_switch_nothing_off(desk: Desk) -> None:
    """An account that is synced rarely."""
    message = await desk.link("feed", base_url=GONE)
    await desk.at(0, message)
    assert isinstance(await desk.at(24 * 60, message), Snooze)
    assert (await desk.account(message))["status"] == "active"


async def test_a_first_failure_is_the_jobs_own(desk: Desk) -> None:
    """Its attempts may mend it; the next job, hours later, waits with the account."""
    desk.feeds.script.extend([Reply(503)] * 3)
    desk.feeds.documents["/feed"] = (rss([1]), RSS_TYPE)
    message = await desk.link_feed()
    ends = [await desk.at(hour, message) for hour in (0, 0.001, 6)]
    assert [type(end) for end in ends] == [SyncFailedError, SyncFailedError, Snooze]
    assert (await desk.account(message))["failures"] == 2
    assert await desk.at(7, message) is None


async def test_a_job_lost_on_its_way_does_not_leave_its_account_out(desk: Desk) -> None:
    """An account whose time has come, and whose job did not, gets another one; so does one of a wrong clock."""
    message = await desk.link_feed()
    for hours, expected in ((-1.2, [message]), (-0.5, []), (9 * 24, [message])):
        moment = desk.now() + timedelta(hours=hours)
        async with desk.database.write() as connection:
            await connection.execute(update(linked_accounts).values(failures=2, retry_at=moment))
        assert await due(desk, 0) == expected


@pytest.mark.parametrize("address", ["", "https://a..example/feed"])
async def test_an_address_that_cannot_be_is_refused_once(desk: Desk, address: str) -> None:
    """With one dead letter: the account is not synced again before it has another one."""
    message = await desk.link("feed", base_url=address)
    error = await desk.at(0, message)
    assert isinstance(error, Permanent)
    assert "linked again" in str(error)
    account = await desk.account(message)
    assert (account["status"], account["error"]) == ("revoked", str(error))
    assert await due(desk, 6) == []


async def test_a_name_that_may_exist_is_looked_up(desk: Desk) -> None:
    """The name server decides, and not whoever cannot read it."""
    error = await desk.at(0, await desk.link("feed", base_url="https://xn--ls8h.invalid/feed"))
    assert isinstance(error, SyncFailedError)
    assert "has no address" in str(error)
