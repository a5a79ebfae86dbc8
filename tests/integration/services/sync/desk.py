"""A desk at which linked accounts are synced: a real database, and stand-ins of the services over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update

from contracts.sync import SyncExternal
from demo.sites.feed_site import FeedSite
from demo.sites.github_api import GitHubApi, repository
from demo.sites.http_site import HttpSite
from nightshift.config.secret import Secret
from nightshift.database import Database, migrate, open_database
from nightshift.messaging.job import Job
from nightshift.worker.commit import Committer
from schema.account_keys import AccountKeys, new_key
from schema.tables import external_records, linked_accounts, users
from services.sync.connector import Connectors
from services.sync.connectors.feed import FeedConnector
from services.sync.connectors.github import GitHubConnector
from services.sync.handlers import sync_external
from services.sync.http.http_client import Web
from services.sync.metrics import SyncMetrics

TOKEN = "gho_made_up_token_of_ada"
KEYS = AccountKeys.parse(new_key())
OUR_TOKEN = "ghp_made_up_token_of_ours"


@dataclass
class Desk:
    """What a test holds in its hands."""

    database: Database
    web: Web
    github: GitHubApi
    github_site: HttpSite
    feeds: FeedSite
    feed_site: HttpSite
    connectors: Connectors
    metrics: SyncMetrics = field(default_factory=lambda: SyncMetrics(["github", "feed"]))
    later: timedelta = timedelta(0)
    run_seconds: float = 60.0
    keys: AccountKeys = KEYS

    def now(self) -> datetime:
        """The clock, which a test may put forward."""
        return datetime.now(UTC) + self.later

    async def link(self, service: str = "github", **row: Any) -> SyncExternal:
        """A user with an account; GitHub's has 250 repositories and a token unless `row` says otherwise."""
        user = uuid4().hex
        if service == "github" and not row:
            self.github.accounts["ada"] = [repository(number) for number in range(250)]
            self.github.tokens[TOKEN] = "ada"
            row = {"credentials": TOKEN}
        async with self.database.write() as connection:
            await connection.execute(insert(users), {"id": user, "email": f"{user}@example.com"})
            await connection.execute(insert(linked_accounts), {"user_id": user, "service": service, **row})
        return SyncExternal(user_id=user, service=service)

    async def link_feed(self, path: str = "/feed", **row: Any) -> SyncExternal:
        """A user with a feed at this path of the site."""
        return await self.link("feed", base_url=f"{self.feed_site.url}{path}", **row)

    async def run(self, message: SyncExternal, *, job_id: str = "") -> None:
        """The handler, and the commit of what it wants written, as the chassis does it."""
        job_id = job_id or uuid4().hex
        job = Job(service="sync", type=message.TYPE, id=job_id, key=job_id)
        await sync_external(
            message,
            job,
            database=self.database,
            connectors=self.connectors,
            metrics=self.metrics,
            run_seconds=self.run_seconds,
            keys=lambda: self.keys,
            now=self.now,
        )
        await Committer(self.database).commit(job)

    async def at(self, hours: float, message: SyncExternal) -> Exception | None:
        """Run the account's job so many hours after the start; return what it ended with."""
        self.later = timedelta(hours=hours)
        try:
            await self.run(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            return error
        return None

    async def account(self, message: SyncExternal) -> dict[str, Any]:
        """The account's row."""
        query = select(linked_accounts).where(
            linked_accounts.c.user_id == message.user_id, linked_accounts.c.service == message.service
        )
        async with self.database.read() as connection:
            return dict((await connection.execute(query)).mappings().one())

    async def change(self, message: SyncExternal, **values: Any) -> None:
        """Somebody else changes the account."""
        query = update(linked_accounts).where(linked_accounts.c.user_id == message.user_id).values(**values)
        async with self.database.write() as connection:
            await connection.execute(query)

    async def records(self, message: SyncExternal, *, removed: bool = False) -> dict[str, dict[str, Any]]:
        """The account's records that are there, or those that are removed, by external id."""
        account = await self.account(message)
        query = select(external_records).where(
            external_records.c.account_id == account["id"], external_records.c.removed_at.is_not(None) == removed
        )
        async with self.database.read() as connection:
            return {row["external_id"]: dict(row) for row in (await connection.execute(query)).mappings()}

    def pages(self) -> list[str]:
        """Which pages GitHub was asked for, in order; those that were asked conditionally have a question mark."""
        return [
            request.query("page", "1") + ("?" if "if-none-match" in request.headers else "")
            for request in self.github_site.requests
        ]

    def forget(self) -> None:
        """Forgets the requests so far."""
        self.github_site.requests.clear()
        self.feed_site.requests.clear()


@asynccontextmanager
async def open_desk(url: str) -> AsyncIterator[Desk]:
    """Opens one on an empty database."""
    await migrate(url)
    database = open_database(url)
    web = Web.open(allow_private=True, max_bytes=1_000_000, timeout_seconds=5, connections=10)
    github, feeds = GitHubApi(), FeedSite()
    async with HttpSite(github.respond) as github_site, HttpSite(feeds.respond) as feed_site:
        ours = GitHubConnector(web, url=github_site.url, token=Secret(OUR_TOKEN), allow_plain=True)
        connectors: Connectors = {"github": ours, "feed": FeedConnector(web, allow_plain=True)}
        yield Desk(database, web, github, github_site, feeds, feed_site, connectors)
        await web.close()
    await database.close()
