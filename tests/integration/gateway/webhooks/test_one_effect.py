"""From the door to the effect: however often an event comes, and whatever is away meanwhile, it is worked off once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.config.settings import load
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.service.running import serve_service
from schema.tables import webhook_events
from services.webhook.service import webhook
from services.webhook.settings import WebhookSettings
from tests.harness import count, eventually
from tests.integration.gateway.webhooks.intake import Door, door, relay


def checkout(number: str) -> bytes:
    """Return the body of Stripe's event of a completed checkout, whose effect is a mail."""
    session = {"id": f"cs_{number}", "object": "checkout.session", "customer_details": {"email": "ada@example.com"}}
    event = {"id": f"evt_{number}", "object": "event", "type": "checkout.session.completed", "created": 1_795_771_798}
    return json.dumps({**event, "data": {"object": session}}).encode()


@asynccontextmanager
async def working(intake: Door, broker: Broker, objects: ObjectServer) -> AsyncIterator[None]:
    """Run the webhook service."""
    environment = {
        "NATS_URL": broker.url,
        "DATABASE_URL": intake.gateway.database.url,
        "S3_ENDPOINT": objects.endpoint,
        "S3_ACCESS_KEY": objects.access_key,
        "S3_SECRET_KEY": objects.secret_key,
    }
    stop = asyncio.Event()
    settings = load(WebhookSettings, environment)
    service = asyncio.create_task(serve_service(webhook, settings, stop))
    try:
        yield
    finally:
        stop.set()
        assert await service == 0


async def outcomes(intake: Door) -> dict[str, str]:
    """Return what became of each event."""
    async with intake.gateway.database.read() as connection:
        query = select(webhook_events.c.event_id, webhook_events.c.outcome)
        return {row[0]: row[1] for row in await connection.execute(query)}


async def test_fifty_at_once_have_one_effect(
    broker: Broker, queues: Connection, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """With the broker there: one mail."""
    await manage(queues, "STREAM.PURGE.EMAIL")
    async with door(tmp_path, broker, queues, objects_server) as intake, working(intake, broker, objects_server):
        answers = await asyncio.gather(*(intake.send("stripe", checkout("fifty")) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        await eventually(lambda: _known(intake, 1), what="the event is worked off")
        await eventually(lambda: _nothing_waits(intake, queues), what="nothing waits")
        assert await count(queues, "EMAIL") == 1


async def test_what_came_while_the_broker_was_frozen_is_worked_off_once(
    broker: Broker, queues: Connection, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """Every event comes before, during and after the outage; the provider gets 200 each time."""
    await manage(queues, "STREAM.PURGE.EMAIL")
    async with door(tmp_path, broker, queues, objects_server) as intake, working(intake, broker, objects_server):
        bodies = [checkout(f"outage_{number}") for number in range(10)]

        async def all_at_once() -> set[int]:
            return {answer.status_code for answer in await asyncio.gather(*(intake.send("stripe", b) for b in bodies))}

        assert await all_at_once() == {200}
        broker.pause()
        try:
            assert await all_at_once() == {200}
            late = await asyncio.gather(*(intake.send("stripe", checkout(f"late_{number}")) for number in range(10)))
        finally:
            broker.resume()
        assert {answer.status_code for answer in late} == {200}
        assert await all_at_once() == {200}
        assert await relay(intake, broker, objects_server) >= 10  # the service's own relay would do it a minute later
        await eventually(lambda: _known(intake, 20), what="all events are worked off", timeout_seconds=60)
        await eventually(lambda: _nothing_waits(intake, queues), what="nothing waits", timeout_seconds=60)
        assert set((await outcomes(intake)).values()) == {"done"}
        assert await count(queues, "EMAIL") == 20


async def _known(intake: Door, number: int) -> bool:
    return len(await outcomes(intake)) == number


async def _nothing_waits(intake: Door, queues: Connection) -> bool:
    return not await intake.rows() and not await count(queues, "WEBHOOK")
