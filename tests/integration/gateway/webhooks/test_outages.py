"""Verified means accepted, whatever is away: the broker, else the outbox, else 503; always within 2.5 seconds."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.database import open_database
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from tests.harness import eventually
from tests.integration.gateway.webhooks.intake import Door, door, relay

SECONDS = 2.5


def event(number: object, *, filler: int = 0) -> bytes:
    """Return the body of an event of Stripe's, of some length."""
    fields = {"id": f"evt_{number}", "type": "invoice.paid", "created": 1, "filler": "é" * filler}
    return json.dumps(fields, ensure_ascii=False).encode()


async def in_time(intake: Door, body: bytes, source: str = "stripe") -> httpx.Response:
    """Send an event; its answer has to come within 2.5 seconds."""
    began = time.monotonic()
    answer = await intake.send(source, body)
    assert time.monotonic() - began < SECONDS
    return answer


async def test_a_broker_that_is_not_there_yet(broker: Broker, queues: Connection, tmp_path: Path) -> None:
    """The gateway answers before it has ever been connected: 200 from the outbox, which the relay delivers."""
    async with door(tmp_path, None, None) as intake:
        bodies = [event(f"before_{number}") for number in range(3)]
        assert [(await in_time(intake, body)).json() for body in bodies] == [{"received": True}] * 3
        assert (await in_time(intake, bodies[0])).json() == {"received": True, "duplicate": True}
        assert await intake.rows() == [f"gateway/webhook.received/stripe-evt_before_{n}/0" for n in range(3)]
        await manage(queues, "STREAM.PURGE.WEBHOOK")
        assert await relay(intake, broker) == 3
        assert await intake.rows() == []
        delivered = Door(intake.gateway, queues, intake.folder)
        assert sorted(await delivered.job_ids()) == [f"stripe-evt_before_{number}" for number in range(3)]


async def test_a_frozen_broker(broker: Broker, queues: Connection, tmp_path: Path) -> None:
    """It does not answer, and nobody has said so: the first wait a second, those after them do not."""
    async with door(tmp_path, broker, queues) as intake:
        await _up(intake)
        broker.pause()
        try:
            answers = await asyncio.gather(*(in_time(intake, event(f"frozen_{number}")) for number in range(10)))
            began = time.monotonic()
            again = await in_time(intake, event("frozen_after"))
            quick = time.monotonic() - began
        finally:
            broker.resume()
        assert [answer.json() for answer in [*answers, again]] == [{"received": True}] * 11
        assert quick < 0.9
        assert len(await intake.rows()) == 11

        async def answered_by_the_broker() -> bool:
            before = len(await intake.rows())
            await in_time(intake, event(f"thawed_{time.monotonic_ns()}"))
            return len(await intake.rows()) == before

        await eventually(answered_by_the_broker, what="the broker is used again")
        await relay(intake, broker)
        ids = await intake.job_ids()
        assert {f"stripe-evt_frozen_{number}" for number in range(10)} <= set(ids)
        assert len(ids) == len(set(ids)), "what the broker had after all is not there twice"


async def _up(intake: Door) -> None:
    async def accepted_by_the_broker() -> bool:
        await intake.send("stripe", event(f"up_{time.monotonic_ns()}"))
        return bool(await intake.job_ids())

    await eventually(accepted_by_the_broker, what="the gateway is connected")


async def test_broker_and_database_away(tmp_path: Path) -> None:
    """503, and when to come again; nothing is claimed that is not so."""
    async with door(tmp_path, None, None) as intake:
        assert (await in_time(intake, event("first"))).status_code == 200
        path = tmp_path / "nightshift.db"
        holding = open_database(intake.gateway.database.url)
        async with holding.write() as connection:
            await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS lock_of_the_test (x INTEGER)")
            answer = await in_time(intake, event("second"))
        await holding.close()
        assert path.exists()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert answer.json()["code"] == "unavailable"
        again = await eventually(lambda: _accepted(intake, event("second")), what="the database answers again")
        assert again


async def _accepted(intake: Door, body: bytes) -> bool:
    return (await in_time(intake, body)).status_code == 200


async def test_a_full_queue(broker: Broker, queues: Connection, tmp_path: Path) -> None:
    """What the broker refuses goes into the outbox: a provider that never retries loses nothing."""
    async with door(tmp_path, broker, queues) as intake:
        await _up(intake)
        config = (await manage(queues, "STREAM.INFO.WEBHOOK"))["config"]
        await manage(queues, "STREAM.PURGE.WEBHOOK")
        await manage(queues, "STREAM.UPDATE.WEBHOOK", {**config, "max_msgs": 1})
        try:
            answers = [await in_time(intake, event(f"full_{number}")) for number in range(3)]
        finally:
            await manage(queues, "STREAM.UPDATE.WEBHOOK", config)
        assert [answer.json() for answer in answers] == [{"received": True}] * 3
        assert len(await intake.rows()) == 2


async def test_a_large_body_goes_by_claim_check(
    broker: Broker, queues: Connection, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """A push of GitHub's may have 25 MB; the message has the name of an object."""
    async with door(tmp_path, broker, queues, objects_server) as intake:
        await _up(intake)
        await manage(queues, "STREAM.PURGE.WEBHOOK")
        answer = await in_time(intake, event("large", filler=500_000), "github")
        assert answer.json() == {"received": True}
        (message,) = await intake.messages()
        assert message.body == b""
        assert message.headers[wire.CLAIM].startswith("claims/")


@pytest.mark.parametrize(("filler", "status"), [(200_000, 200), (2_400_000, 503)], ids=["under 4 MiB", "over"])
async def test_a_large_body_without_object_store(
    broker: Broker, queues: Connection, tmp_path: Path, filler: int, status: int
) -> None:
    """Up to 4 MiB it goes into the outbox whole, and the relay makes the claim later."""
    async with door(tmp_path, broker, queues, None) as intake:
        await _up(intake)
        answer = await in_time(intake, event("homeless", filler=filler), "github")
        assert answer.status_code == status
        assert len(await intake.rows()) == (1 if status == 200 else 0)


async def test_the_relay_makes_the_claim_of_a_large_row(
    broker: Broker, queues: Connection, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """Once the object store is back."""
    async with door(tmp_path, None, None) as intake:
        assert (await in_time(intake, event("later", filler=200_000), "github")).status_code == 200
        await manage(queues, "STREAM.PURGE.WEBHOOK")
        assert await relay(intake, broker, objects_server) == 1
        (message,) = await Door(intake.gateway, queues, intake.folder).messages()
        assert wire.CLAIM in message.headers


async def test_what_is_in_hand_when_the_gateway_stops_is_answered(
    broker: Broker, queues: Connection, tmp_path: Path
) -> None:
    """A request whose body is still coming gets its 200, and the connection closes behind it."""
    async with door(tmp_path, broker, queues) as intake:
        await _up(intake)
        body = event("last")
        signed = intake.sign("stripe", body).headers
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", intake.gateway.port)
        writer.write(f"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode())
        await writer.drain()
        await eventually(lambda: True)
        intake.gateway.stop.set()
        await asyncio.sleep(0.3)
        writer.write(body)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'{"received":true}' in answer
        assert await intake.gateway.running == 0
        assert "stripe-evt_last" in await intake.job_ids()
