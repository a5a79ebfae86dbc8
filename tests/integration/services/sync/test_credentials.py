"""What becomes of an account whose credentials are refused, and where credentials never turn up."""

import json
from datetime import timedelta

import pytest

from contracts.sync import SyncExternal
from demo.sites.github_api import repository
from demo.sites.http_site import Reply
from nightshift.config.secret import Secret
from nightshift.outcomes import Permanent, Skip, Snooze
from services.sync.accounts import AccountNotFoundError
from services.sync.connector import SyncFailedError
from services.sync.connectors.github import GitHubConnector
from tests.integration.services.sync.desk import OUR_TOKEN, TOKEN, Desk


async def test_an_account_linked_anew_meanwhile_is_not_blamed(desk: Desk) -> None:
    """The refusal was of the old credentials: the job tries the new ones at once."""
    message = await desk.link()
    desk.github.script.append(desk.github.error(401, "Bad credentials"))
    site, respond = desk.github_site, desk.github.respond

    async def relinking(request: object) -> Reply | bytes:
        await desk.change(message, credentials="gho_new_token")
        return await respond(request)  # type: ignore[arg-type] # passed through

    site._respond = relinking
    with pytest.raises(Snooze, match="was changed in the meantime") as snooze:
        await desk.run(message)
    assert snooze.value.delay == timedelta(seconds=1)
    account = await desk.account(message)
    assert (account["status"], account["failures"], account["error"]) == ("active", 0, None)


async def test_our_own_refused_token_is_a_setting_and_no_revocation(desk: Desk) -> None:
    """The account cannot do anything about it: the job waits for the operator."""
    message = await desk.link("github", external_account="ada")
    with pytest.raises(Snooze, match="check GITHUB_TOKEN"):
        await desk.run(message)
    assert (await desk.account(message))["status"] == "active"


async def test_our_token_goes_to_our_address_only(desk: Desk) -> None:
    """An account that names another address is asked without it."""
    message = await desk.link("github", external_account="ada", base_url=desk.feed_site.url)
    with pytest.raises(Snooze):
        await desk.run(message)
    assert "authorization" not in desk.feed_site.requests[0].headers
    other = await desk.link("github", external_account="ada", base_url=desk.feed_site.url, credentials=TOKEN)
    with pytest.raises(SyncFailedError):
        await desk.run(other)
    assert desk.feed_site.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


async def test_credentials_need_tls(desk: Desk) -> None:
    """An account's address without it gets none."""
    desk.connectors["github"] = GitHubConnector(desk.web, url="https://api.github.com", token=Secret(OUR_TOKEN))
    message = await desk.link("github", base_url=desk.github_site.url, credentials=TOKEN)
    with pytest.raises(Permanent, match="not https"):
        await desk.run(message)
    assert desk.github_site.requests == []


async def test_a_redirect_takes_no_credentials_along(desk: Desk) -> None:
    """Another origin gets the request without them."""
    desk.github.script.append(Reply(307, {"Location": f"{desk.feed_site.url}/user/repos"}))
    message = await desk.link()
    with pytest.raises(SyncFailedError):
        await desk.run(message)
    assert [request.path for request in desk.feed_site.requests] == ["/user/repos"]
    assert "authorization" not in desk.feed_site.requests[0].headers


async def test_a_moved_api_is_followed(desk: Desk) -> None:
    """A redirect inside the same host keeps them."""
    message = await desk.link()
    desk.github.script.append(Reply(301, {"Location": "/user/repos?per_page=100"}))
    await desk.run(message)
    assert len(await desk.records(message)) == 250


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_no_error_shows_credentials(desk: Desk, status: int) -> None:
    """Not even when the service repeats them: neither the dead letter nor the row."""
    message = await desk.link()
    body = json.dumps({"message": f"no {TOKEN} and no {TOKEN.upper()}: {desk.github_site.url}"}).encode()
    desk.github.script.append(Reply(status, {}, body))
    with pytest.raises((Snooze, SyncFailedError)) as error:
        await desk.run(message)
    account = await desk.account(message)
    assert TOKEN not in str(error.value) + str(account["error"]) + json.dumps(account["checkpoint"])
    assert "***" in str(error.value)


async def test_no_error_shows_a_feeds_address(desk: Desk) -> None:
    """Many a private feed is protected by nothing but its address."""
    message = await desk.link_feed("/private/9f8e7d6c5b4a?key=made-up-0123")
    desk.feeds.script.append(b"HTTP/1.1 nonsense\r\n\r\n")
    with pytest.raises(SyncFailedError) as error:
        await desk.run(message)
    account = await desk.account(message)
    shown = f"{error.value} {account['error']} {json.dumps(account['checkpoint'])}"
    assert "9f8e7d6c5b4a" not in shown
    assert "made-up-0123" not in shown


async def test_a_refusal_that_may_pass_is_a_failed_attempt(desk: Desk) -> None:
    """403 without a word about limits: an organisation's policy, a firewall; the account stays as it is."""
    message = await desk.link()
    desk.github.script.append(Reply(403, {}, b'{"message":"Resource not accessible by personal access token"}'))
    with pytest.raises(SyncFailedError, match="not accessible"):
        await desk.run(message)
    assert (await desk.account(message))["status"] == "active"


async def test_an_account_that_is_switched_off_is_left_alone(desk: Desk) -> None:
    """There is nothing to do."""
    message = await desk.link()
    await desk.change(message, status="disabled")
    with pytest.raises(Skip):
        await desk.run(message)
    assert desk.github_site.requests == []


async def test_an_account_that_is_not_there_yet_is_tried_again(desk: Desk) -> None:
    """Its producer's transaction may still be open."""
    with pytest.raises(AccountNotFoundError, match="no linked account of github"):
        await desk.run(SyncExternal(user_id="nobody", service="github"))


async def test_an_unknown_service_is_said_at_once(desk: Desk) -> None:
    """Only declared connectors exist."""
    with pytest.raises(Permanent, match=r"no connector for 'gihub'; did you mean github\?"):
        await desk.run(SyncExternal(user_id="nobody", service="gihub"))


async def test_a_success_takes_the_error_back(desk: Desk) -> None:
    """What was wrong is not wrong any more."""
    message = await desk.link()
    desk.github.accounts["ada"] = [repository(1)]
    await desk.change(message, error="something")
    await desk.run(message)
    assert (await desk.account(message))["error"] is None
