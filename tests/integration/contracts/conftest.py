"""A stack, and a service of it as a process, whose every publication is written down."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from nats.aio.client import Client
from sqlalchemy import select

from demo.sites.feed_site import FeedSite
from demo.sites.github_api import GitHubApi
from demo.sites.http_site import HttpSite
from demo.sites.stripe_api import StripeApi
from nightshift.contract import wire
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.objects.s3 import S3ObjectStore, open_objects
from tests.integration.contracts.recorder import TEST, Recorder, recording
from tests.integration.contracts.states import Outside

STRIPE_KEY = "rk_test_made_up_key"
SETTINGS = {
    "SYNC_ALLOW_PRIVATE_ADDRESSES": "true",
    "LOG_FORMAT": "json",
    "MAX_RETRIES": "3",
    "MAIL_SENDERS": "hello@acme.example",
    "STRIPE_API_KEY": STRIPE_KEY,
}


@dataclass
class World:
    """What a test holds in its hands."""

    service: Service
    recorder: Recorder
    client: Client
    database: Database
    objects: S3ObjectStore
    outside: Outside

    async def publish(self, subject: str, body: bytes, job_id: str, **headers: str) -> None:
        """Publishes as anybody would, and waits for the broker's acknowledgement."""
        stream = self.client.jetstream()
        await stream.publish(subject, body, headers={wire.JOB_ID: job_id, TEST: "yes", **headers}, timeout=10)

    async def done(self) -> set[tuple[str, str]]:
        """Type and id of each job that is done."""
        query = select(processed_messages.c.type, processed_messages.c.id)
        async with self.database.read() as connection:
            return {(row.type, row.id) for row in await connection.execute(query)}


Running = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(scope="module")
async def provisioned(stack: Stack) -> Stack:
    """The stack with streams, consumers, tables and bucket."""
    await stack.provision()
    return stack


@pytest.fixture
def running(provisioned: Stack) -> Running:
    """One service runs within `async with`, or none, and nothing else publishes but the test."""

    @asynccontextmanager
    async def run(name: str = "", **extra: str) -> AsyncIterator[World]:
        github, feeds, stripe = GitHubApi(), FeedSite(), StripeApi(keys={STRIPE_KEY})
        store = provisioned.objects
        objects = open_objects(store.endpoint, store.access_key, store.secret_key, "nightshift")
        database = open_database(f"sqlite+aiosqlite:///{provisioned.database}")
        try:
            async with (
                recording(provisioned.broker.url) as (recorder, client),
                HttpSite(github.respond) as github_site,
                HttpSite(feeds.respond) as feed_site,
                HttpSite(stripe.respond) as stripe_site,
            ):
                service = Service(provisioned, name, extra={**SETTINGS, "STRIPE_API_URL": stripe_site.url, **extra})
                try:
                    if name:
                        await service.start()
                        await service.ready()
                    outside = Outside(github, github_site, feeds, feed_site, stripe)
                    yield World(service, recorder, client, database, objects, outside)
                    await service.stop()
                finally:
                    await service.kill()
        finally:
            await database.close()
            await objects.close()

    return run
