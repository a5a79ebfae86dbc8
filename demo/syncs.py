"""Syncs: an account over several pages with a rate limit in between, a feed, what was removed, what is refused."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import insert, select

from contracts.sync import SyncExternal
from demo.runner import Stage
from demo.sites.feed_site import RSS_TYPE, FeedSite, rss
from demo.sites.github_api import GitHubApi, repository
from demo.sites.http_site import HttpSite
from schema.account_keys import AccountKeys
from schema.tables import external_records, linked_accounts, users

SETTINGS = {"SYNC_ALLOW_PRIVATE_ADDRESSES": "true"}
"""The stand-ins are on loopback, which is no place for a user's account otherwise."""
_TOKEN, _OLD_TOKEN = "gho_made_up_token_of_the_demo", "gho_made_up_token_refused"
_REPOSITORIES = 250
_LIMIT_SECONDS = 4.0
_GITHUB, _FEED, _REFUSED = "demo-github", "demo-feed", "demo-refused"


@dataclass(frozen=True)
class Outside:
    """Stand-ins of external services, with an account at each."""

    github: GitHubApi
    github_site: HttpSite
    feeds: FeedSite
    feed_site: HttpSite


@contextlib.asynccontextmanager
async def outside(stage: Stage) -> AsyncIterator[Outside]:
    """Run the stand-ins, and link the accounts; they serve until the scene of the schedules has ended."""
    github, feeds = GitHubApi(window_seconds=_LIMIT_SECONDS), FeedSite()
    github.accounts["ada"] = [repository(number) for number in range(_REPOSITORIES)]
    github.tokens[_TOKEN] = "ada"
    feeds.documents["/feed.xml"] = (rss(range(20)), RSS_TYPE)
    async with HttpSite(github.respond) as github_site, HttpSite(feeds.respond) as feed_site:
        await _link(stage, _GITHUB, "github", base_url=github_site.url, credentials=_TOKEN)
        await _link(stage, _FEED, "feed", base_url=f"{feed_site.url}/feed.xml")
        yield Outside(github, github_site, feeds, feed_site)


async def play(stage: Stage, here: Outside) -> None:
    """Sync each account, and the first one again after something has changed."""
    stage.begin("sync", f"{_REPOSITORIES} repositories on three pages, a rate limit after the second; a feed")
    here.github.remaining = 2
    await _sync(stage, _GITHUB, "github")
    await _sync(stage, _FEED, "feed")
    await stage.expect("two pages are stored, then the service wants no more", partial(_has, stage, _GITHUB, 200))
    stage.note(f"the job waits {_LIMIT_SECONDS:g} s for the reset: no slot, no attempt")
    await stage.expect("after the reset the rest is there", partial(_has, stage, _GITHUB, _REPOSITORIES))
    await stage.expect("each page was asked for once", partial(_asked_once, here))
    await stage.expect("the feed's entries are there too", partial(_has, stage, _FEED, 20))
    await stage.expect("the account says that it was synced", partial(_synced, stage, _GITHUB))
    await _changed(stage, here)
    await _refused(stage, here)


async def after_schedules(stage: Stage, due: datetime) -> None:
    """Check that every account was synced because of the event `cron.sync.all`."""
    for user, name in ((_GITHUB, "repositories"), (_FEED, "the feed")):
        await stage.expect(f"cron.sync.all synced {name}", partial(_synced, stage, user, since=due))


async def _changed(stage: Stage, here: Outside) -> None:
    gone = str(here.github.accounts["ada"].pop()["id"])
    await _sync(stage, _GITHUB, "github")
    await stage.expect("a repository that is gone is marked as removed", partial(_removed, stage, _GITHUB, gone))
    answers = [request for request in here.github_site.requests if "if-none-match" in request.headers]
    stage.note(f"{len(answers)} pages were asked for only if they had changed, which costs nothing of the limit")


async def _refused(stage: Stage, here: Outside) -> None:
    await _link(stage, _REFUSED, "github", base_url=here.github_site.url, credentials=_OLD_TOKEN)
    await _sync(stage, _REFUSED, "github")
    await stage.expect("an account whose credentials are refused waits", partial(_waits, stage))
    (row,) = await stage.rows(select(linked_accounts).where(linked_accounts.c.id == _REFUSED))
    stage.note(f"it is revoked when they are refused four times, over hours: {row['error']}")


async def _link(stage: Stage, user: str, service: str, *, credentials: str | None = None, **row: Any) -> None:
    if credentials is not None:
        keys = AccountKeys.parse(stage.stack.environment()["ACCOUNT_KEYS"])
        row["credentials"] = keys.seal(user, credentials)
    async with stage.database.write() as connection:
        person = {"id": user, "email": f"{user}@example.com", "name": user, "created_at": datetime.now(UTC)}
        await connection.execute(insert(users), person)
        await connection.execute(insert(linked_accounts), {"id": user, "user_id": user, "service": service, **row})


async def _sync(stage: Stage, user: str, service: str) -> None:
    known = await stage.rows(select(external_records).where(external_records.c.account_id == user).limit(1))
    await stage.publisher.publish(
        SyncExternal(user_id=user, service=service), job_id=f"sync-{user}-{2 if known else 1}"
    )


async def _has(stage: Stage, user: str, count: int) -> bool:
    there = (external_records.c.account_id == user, external_records.c.removed_at.is_(None))
    return len(await stage.rows(select(external_records.c.external_id).where(*there))) == count


async def _removed(stage: Stage, user: str, external_id: str) -> bool:
    this = (external_records.c.account_id == user, external_records.c.external_id == external_id)
    query = select(external_records.c.external_id).where(*this, external_records.c.removed_at.is_not(None))
    return bool(await stage.rows(query))


async def _synced(stage: Stage, user: str, since: datetime | None = None) -> bool:
    (row,) = await stage.rows(select(linked_accounts).where(linked_accounts.c.id == user))
    at = row["last_synced_at"]
    return at is not None and (since is None or at >= since)


async def _waits(stage: Stage) -> bool:
    (row,) = await stage.rows(select(linked_accounts).where(linked_accounts.c.id == _REFUSED))
    return row["status"] == "active" and row["refusals"] == 1 and row["retry_at"] is not None


def _asked_once(here: Outside) -> bool:
    asked = [one.query("page", "1") for one in here.github_site.requests if "if-none-match" not in one.headers]
    return asked == ["1", "2", "3"]
