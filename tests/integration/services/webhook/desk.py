"""A desk at which events are worked off: a real database, and a stand-in of Stripe's API over real HTTP."""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Table, insert, select

from contracts.webhook import RefreshObject, WebhookReceived
from demo.sites.http_site import HttpSite
from demo.sites.stripe_api import StripeApi as StripeStandIn
from nightshift.config.secret import Secret
from nightshift.database import Database, migrate, open_database
from nightshift.messaging.in_memory import PublishedJob
from nightshift.messaging.job import FollowUp, Job
from nightshift.service.event_recorder import EventRecorder
from nightshift.testing import FakeObjectStore, JobResult, perform_job, route_of
from nightshift.worker.commit import Committer
from nightshift.worker.router import Route
from schema.tables import provider_objects, webhook_events
from services.webhook.event_rows import LOG
from services.webhook.metrics import WebhookMetrics
from services.webhook.refreshing import refresh_object
from services.webhook.service import webhook
from services.webhook.stripe.api import StripeApi

KEY = "rk_test_made_up_key"
START = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


@dataclass
class Desk:
    """What a test holds in its hands."""

    database: Database
    stripe: StripeStandIn
    site: HttpSite
    api: StripeApi
    objects: FakeObjectStore = field(default_factory=FakeObjectStore)
    metrics: WebhookMetrics = field(default_factory=WebhookMetrics)

    async def receive(self, event: WebhookReceived, **options: Any) -> JobResult:
        """The service works off an event with its shipped handlers."""
        options = {"job_id": f"{event.source}-{event.event_id}"} | options
        body = msgspec.json.encode(event)
        return await perform_job(self._route(), body, database=self.database, job_type="webhook.received", **options)

    async def refresh(self, message: RefreshObject, *, without_key: bool = False, **options: Any) -> JobResult:
        """The service gets an object from its provider."""
        handler = partial(refresh_object, apis={} if without_key else {"stripe": self.api})
        return await perform_job(handler, message, database=self.database, **options)

    async def receive_all(self, *events: WebhookReceived) -> None:
        """Works off events one after the other, and then the refreshes that they led to, each id once.

        Without the worker's pipeline: only the handlers, and the commit of what they want written.
        """
        asked, committer = deque[FollowUp](), Committer(self.database)
        route = self._route()
        for event in events:
            job = Job("webhook", event.TYPE, f"{event.source}-{event.event_id}", f"{event.source}-{event.event_id}")
            await route.handler(route.decode(msgspec.json.encode(event)), job)
            if await committer.commit(job):
                asked.extend(job.follow_ups)
        while asked:
            message, job_id = asked[0].message, str(asked.popleft().job_id)
            job = Job("webhook", message.TYPE, job_id, job_id)
            if isinstance(message, RefreshObject) and not await committer.is_done(job):
                await refresh_object(message, job, apis={"stripe": self.api})
                await committer.commit(job)
                asked.extend(job.follow_ups)

    def _route(self) -> Route:
        recorder = EventRecorder(self.database, self.objects, timedelta(0), LOG, self.metrics.count)
        return route_of(webhook, WebhookReceived, database=self.database, app_name="Acme", recorder=recorder)

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    async def outcomes(self) -> dict[str, str]:
        """The outcome of each event."""
        return {row["event_id"]: row["outcome"] for row in await self.rows(webhook_events)}

    async def kept(self, object_id: str) -> tuple[dict[str, Any], bool]:
        """What is kept of an object: its data, and whether it is deleted."""
        query = select(provider_objects).where(provider_objects.c.object_id == object_id)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).one()
        return row.data, row.deleted

    async def add(self, table: Table, **row: Any) -> None:
        """Somebody writes a row."""
        async with self.database.write() as connection:
            await connection.execute(insert(table), row)


def refreshes(result: JobResult) -> list[PublishedJob]:
    """The refreshes that a job has asked for."""
    return [job for job in result.follow_ups if job.job_type == "webhook.refresh"]


def subscription(number: str, status: str, **more: Any) -> dict[str, Any]:
    """A subscription as Stripe writes it, with the few fields that are read."""
    return {"id": f"sub_{number}", "object": "subscription", "customer": "cus_17", "status": status, **more}


def stripe_event(event_id: str, event_type: str, obj: Any, *, second: int = 0, **more: Any) -> WebhookReceived:
    """A snapshot event of Stripe that happened so many seconds after the start."""
    created = START + timedelta(seconds=second)
    body = {"id": event_id, "object": "event", "type": event_type, "created": int(created.timestamp())}
    return event_of("stripe", event_id, event_type, {**body, "data": {"object": obj}, **more}, occurred_at=created)


def event_of(source: str, event_id: str, event_type: str, body: Any, **more: Any) -> WebhookReceived:
    """An event of any source, received long after the start."""
    fields: dict[str, Any] = {"received_at": START + timedelta(hours=1), "body": json.dumps(body)}
    return WebhookReceived(source=source, event_id=event_id, event_type=event_type, **(fields | more))


@asynccontextmanager
async def open_desk(url: str) -> AsyncIterator[Desk]:
    """Opens one on an empty database."""
    await migrate(url)
    database, stripe = open_database(url), StripeStandIn(keys={KEY})
    async with HttpSite(stripe.respond) as site:
        api = StripeApi(Secret(KEY), url=site.url, timeout_seconds=5)
        yield Desk(database, stripe, site, api)
        await api.close()
    await database.close()
