"""The service as it is run: a process, the real broker, real HTTP."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import func, insert, select

from contracts.sync import SyncExternal
from demo.sites.feed_site import RSS_TYPE, FeedSite, rss
from demo.sites.github_api import GitHubApi, repository
from demo.sites.http_site import HttpSite
from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.contract.cron import ScheduleFired
from nightshift.database import Database, open_database
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import open_objects
from schema.tables import external_records, linked_accounts, users
from tests.harness import connected, eventually, stored
from tests.integration.services.sync.test_fan_out import NOW, RUN

TOKEN = "gho_made_up_token_of_ada"


@dataclass
class World:
    """Everything that the process meets, and a producer's connection."""

    connection: Connection
    publisher: Publisher
    database: Database
    service: Service
    github: GitHubApi
    github_site: HttpSite
    feeds: FeedSite
    feed_site: HttpSite

    async def link(self, user: str, service: str, **row: Any) -> None:
        """A user with an account."""
        async with self.database.write() as connection:
            await connection.execute(insert(users), {"id": user, "email": f"{user}@example.com"})
            await connection.execute(insert(linked_accounts), {"user_id": user, "service": service, **row})

    async def records(self, user: str) -> int:
        """How many records the user has."""
        query = select(func.count()).select_from(external_records.join(linked_accounts))
        async with self.database.read() as connection:
            return int((await connection.execute(query.where(linked_accounts.c.user_id == user))).scalar_one())


@asynccontextmanager
async def world(stack: Stack, **extra: str) -> AsyncIterator[World]:
    """Starts the service, and stops it."""
    await stack.provision()
    settings = {"SYNC_ALLOW_PRIVATE_ADDRESSES": "true", "LOG_FORMAT": "json", **extra}
    service = Service(stack, "sync", extra=settings)
    objects = open_objects(stack.objects.endpoint, stack.objects.access_key, stack.objects.secret_key, "nightshift")
    database = open_database(f"sqlite+aiosqlite:///{stack.database}")
    github, feeds = GitHubApi(), FeedSite()
    async with (
        connected(stack.broker) as connection,
        HttpSite(github.respond) as github_site,
        HttpSite(feeds.respond) as feed_site,
    ):
        await service.start()
        try:
            await service.ready()
            publisher = Publisher(connection, objects)
            yield World(connection, publisher, database, service, github, github_site, feeds, feed_site)
        finally:
            await service.stop()
            await database.close()
            await objects.close()


async def test_a_rate_limit_in_the_middle_costs_time_and_nothing_else(stack: Stack) -> None:
    """Two pages, used up, the reset, the third page: each asked for once, one record each, no attempt counted."""
    async with world(stack) as here:
        here.github.accounts["ada"] = [repository(number) for number in range(250)]
        here.github.tokens[TOKEN] = "ada"
        here.github.remaining, here.github.window_seconds = 2, 2.0
        await here.link("ada", "github", base_url=here.github_site.url, credentials=TOKEN)
        await here.publisher.publish(SyncExternal(user_id="ada", service="github"), job_id="ada-1")

        async def complete() -> bool:
            return await here.records("ada") == 250

        await eventually(complete, what="250 records")
        assert [request.query("page", "1") for request in here.github_site.requests] == ["1", "2", "3"]
        lines = await eventually(lambda: _lines(here.service, '"done"', "ada-1"), what="the job's line")
        assert '"attempt":1' in lines[0].replace(" ", "")
        assert _lines(here.service, '"snooze"', "ada-1")
        page = await asyncio.to_thread(_metrics, here.service)
        assert 'nightshift_sync_rate_limits_total{service="github"} 1.0' in page
        assert 'nightshift_sync_rounds_total{service="github"} 1.0' in page
        assert TOKEN not in here.service.log.read_text()
        assert TOKEN not in page


async def test_refused_credentials_are_a_dead_letter_without_them(stack: Stack) -> None:
    """Its reason is what a person understands."""
    async with world(stack) as here:
        secret, refused = "gho_revoked_token_of_eve", {"failures": 3, "refusals": 3}
        await here.link("eve", "github", base_url=here.github_site.url, credentials=secret, **refused)
        await here.publisher.publish(SyncExternal(user_id="eve", service="github"), job_id="eve-1")

        async def dead() -> Any:
            letters = await stored(here.connection, "SYNC_DLQ", "dead.sync.external")
            return [one for one in letters if one.headers[wire.JOB_ID] == "eve-1"]

        (letter,) = await eventually(dead, what="the dead letter")
        assert letter.headers[wire.DEAD_REASON] == "permanent"
        assert "linked again: GitHub answered 401: Bad credentials" in letter.headers[wire.DEAD_ERROR]
        assert "gho_revoked" not in str(letter) + here.service.log.read_text()


async def test_the_schedules_event_syncs_every_account_once(stack: Stack) -> None:
    """Delivered three times, as a broker may: one request per feed."""
    async with world(stack) as here:
        here.feeds.documents = {f"/{number}": (rss([number]), RSS_TYPE) for number in range(20)}
        for number in range(20):
            await here.link(f"reader-{number}", "feed", base_url=f"{here.feed_site.url}/{number}")
        event = ScheduleFired(name="sync.all", schedule="0 */6 * * *", time_zone="UTC", due=NOW, announced=NOW)
        for _ in range(3):
            await store(here.connection, "cron.sync.all", {wire.JOB_ID: RUN}, msgspec.json.encode(event))

        async def complete() -> bool:
            return all([await here.records(f"reader-{number}") == 1 for number in range(20)])

        await eventually(complete, what="a record of each feed")
        paths = [request.path for request in here.feed_site.requests]
        assert sorted(paths) == sorted(f"/{number}" for number in range(20))


def _lines(service: Service, *parts: str) -> list[str]:
    return [line for line in service.log.read_text().splitlines() if all(part in line for part in parts)]


def _metrics(service: Service) -> str:
    with urllib.request.urlopen(f"{service.health_url}/metrics", timeout=5) as answer:  # noqa: S310 - our own address
        return str(answer.read().decode())
