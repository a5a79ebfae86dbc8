"""A gateway with a source of every scheme, and requests as their providers send them."""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import msgspec
from sqlalchemy import select

from contracts.webhook import WebhookReceived
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.contract import wire
from nightshift.database import open_database
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.instants import utc_now
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, SignedSample
from nightshift.webhooks.source import Source
from nightshift.webhooks.sources import load_sources
from tests.harness import Stored, opened_objects, stored
from tests.integration.gateway.harness import Gateway, gateway

TWILIO_URL = "https://hooks.example.com/webhooks/twilio"
FORM = "application/x-www-form-urlencoded"
SECRETS = {
    "stripe": "whsec_stripestripestripestripe",
    "stripe_next": "whsec_nextnextnextnextnextnext",
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "provider": "whsk_" + base64.b64encode(bytes(range(32))).decode(),
    "github": "It's a Secret to Everybody",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "shopify": "hush-hush-hush-hush",
    "twilio": "0123456789abcdef0123456789abcdef",
    "acme": "acme-acme-acme-acme",
    "internal": "a-token-that-is-long",
}
SOURCES = f"""
[stripe]
scheme = "stripe"
secrets = ["file:{{folder}}/stripe", "file:{{folder}}/stripe_next"]
events = ["checkout.session.completed", "customer.subscription.*", "invoice.*"]
[standard]
scheme = "standard"
secrets = ["file:{{folder}}/standard", "file:{{folder}}/provider"]
[github]
scheme = "github"
secrets = ["file:{{folder}}/github"]
identity = "body"
[slack]
scheme = "slack"
secrets = ["file:{{folder}}/slack"]
[shopify]
scheme = "shopify"
secrets = ["file:{{folder}}/shopify"]
[twilio]
scheme = "twilio"
secrets = ["file:{{folder}}/twilio"]
url = "{TWILIO_URL}"
[acme]
scheme = "hmac"
secrets = ["file:{{folder}}/acme"]
header = "X-Acme-Signature"
prefix = "v1="
template = "{{{{timestamp}}}}.{{{{body}}}}"
timestamp_header = "X-Acme-Time"
id = "/meta/id"
type = "/meta/kind"
headers = ["X-Acme-Region"]
[internal]
scheme = "token"
secrets = ["file:{{folder}}/internal"]
header = "Authorization"
prefix = "Bearer "
"""
STRIPE_BODY = (
    b'{"id": "evt_1TkQ2e", "object": "event", "type": "invoice.payment_failed", "created": %d, "data": {"object": {}}}'
)
BODIES = {
    "stripe": STRIPE_BODY % time.time(),
    "standard": b'{"type": "email.bounced", "created_at": "2026-11-27T09:30:00Z", "data": {}}',
    "github": b'{"ref": "refs/heads/main", "repository": {"full_name": "ada/engine"}}',
    "slack": b'{"type": "event_callback", "event_id": "Ev08", "event_time": 1531420618, '
    b'"event": {"type": "app_mention"}}',
    "shopify": b'{"id": 820982911946154508, "email": "ada@example.com"}',
    "twilio": b"MessageSid=SM1&MessageStatus=delivered&To=%2B15558675310",
    "acme": b'{"meta": {"id": "a-17", "kind": "thing.made"}}',
    "internal": b'{"build": 7}',
}

USUAL_TYPES = {"github": "push", "shopify": "orders/create"}


@dataclass
class Door:
    """A gateway and what stands behind it."""

    gateway: Gateway
    broker: Connection | None
    folder: Path

    async def send(
        self,
        source: str,
        body: bytes | None = None,
        *,
        change: Mapping[str, str] | None = None,
        at: float | None = None,
        event_type: str | None = None,
        event_id: str | None = None,
    ) -> httpx.Response:
        """Send a signed sample; `change` overrides headers afterwards."""
        body = BODIES[source] if body is None else body
        signed = self.sign(source, body, at=at, event_type=event_type, event_id=event_id)
        query = f"?{signed.query}" if signed.query else ""
        headers = {**signed.headers, **(change or {})}
        return await self.gateway.client.post(f"/webhooks/{source}{query}", content=body, headers=headers)

    def sign(
        self,
        source: str,
        body: bytes,
        *,
        at: float | None = None,
        event_type: str | None = None,
        event_id: str | None = None,
    ) -> SignedSample:
        """Sign a sample as the provider does."""
        content_type = FORM if source == "twilio" else "application/json"
        sample = Sample(body, content_type, event_type or USUAL_TYPES.get(source), event_id)
        return self._sources[source].scheme.sign(sample, at or time.time())

    @cached_property
    def _sources(self) -> Mapping[str, Source]:
        return load_sources(self.folder / "webhooks.toml", {})

    async def queue(self) -> list[WebhookReceived]:
        """Return the events that are in the queue."""
        return [msgspec.json.decode(one.body, type=WebhookReceived) for one in await self.messages()]

    async def messages(self) -> list[Stored]:
        """Return the messages that are in the queue."""
        assert self.broker is not None
        return await stored(self.broker, "WEBHOOK")

    async def job_ids(self) -> list[str]:
        """Return the identity of each job in the queue."""
        assert self.broker is not None
        return [one.headers[wire.JOB_ID] for one in await stored(self.broker, "WEBHOOK")]

    async def rows(self) -> list[str]:
        """Return the ids of the outbox."""
        async with self.gateway.database.read() as connection:
            return [row[0] for row in await connection.execute(select(outbox.c.id))]


def write_sources(folder: Path, text: str = SOURCES) -> Path:
    """Write the file of sources and its secrets."""
    folder.mkdir(exist_ok=True)
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret + "\n")
    path = folder / "webhooks.toml"
    path.write_text(text.format(folder=folder))
    return path


@asynccontextmanager
async def door(
    folder: Path,
    broker: Broker | None,
    connection: Connection | None,
    objects: ObjectServer | None = None,
    *,
    sources: str = SOURCES,
    trusted_proxies: str = "",
) -> AsyncIterator[Door]:
    """Run a gateway with these sources; the queue is empty."""
    path = write_sources(folder / "webhooks", sources)
    if connection is not None:
        await manage(connection, "STREAM.PURGE.WEBHOOK")
    async with gateway(
        folder, broker=broker, objects=objects, gateway_webhooks=str(path), gateway_trusted_proxies=trusted_proxies
    ) as running:
        yield Door(running, connection, path.parent)


def request_of(body: bytes, signed: SignedSample) -> WebhookRequest:
    """Return the request that a signed sample is sent as."""
    headers = [(name.encode(), value.encode()) for name, value in signed.headers.items()]
    return WebhookRequest(body, headers, signed.query.encode())


async def relay(intake: Door, broker: Broker, objects: ObjectServer | None = None) -> int:
    """Do what the webhook service's relay does a minute later; return how many rows it published."""
    settings = ProcessSettings(nats_url=broker.url)
    connection = await connect(settings, name="webhook", wait_seconds=20)
    database = open_database(intake.gateway.database.url)
    try:
        async with opened_objects(objects) as store:
            publisher = Publisher(connection, store)
            return await Outbox("webhook", database, publisher).relay(utc_now().replace(year=utc_now().year + 1))
    finally:
        await database.close()
        await connection.close()
