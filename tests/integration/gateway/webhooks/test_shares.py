"""A source that sends more than it may is turned away, or waits for its turn; the others do not notice it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nightshift.broker import Connection
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.embedded.servers.broker import Broker
from nightshift.gateway.intake import Accepted, Intake
from nightshift.gateway.webhooks import shares
from tests.harness import eventually
from tests.integration.gateway.webhooks.intake import SOURCES, door
from tests.integration.gateway.webhooks.test_outages import event

LIMITED = SOURCES.replace("[standard]", 'rate = "2/s"\n[standard]')
AT_ONCE = 20
"""What such a rate allows in ten seconds."""


async def test_more_than_the_rate_is_sent_again_later(broker: Broker, queues: Connection, tmp_path: Path) -> None:
    """429 and when to come again; the events that were not taken are not stored."""
    async with door(tmp_path, broker, queues, sources=LIMITED) as intake:
        answers = [await intake.send("stripe", event(f"rate_{number}")) for number in range(AT_ONCE + 5)]
        taken = [answer for answer in answers if answer.status_code == 200]
        turned_away = [answer for answer in answers if answer.status_code == 429]
        assert len(taken) + len(turned_away) == len(answers)
        assert AT_ONCE <= len(taken) < len(answers), "some may have been allowed while the others were sent"
        assert {answer.json()["code"] for answer in turned_away} == {"too-many-requests"}
        assert {answer.headers["retry-after"] for answer in turned_away} == {"1"}
        assert len(await intake.job_ids()) + len(await intake.rows()) == len(taken)


async def test_a_rate_is_of_one_source_and_forgers_cannot_use_it_up(
    broker: Broker, queues: Connection, tmp_path: Path
) -> None:
    """Only what is verified counts; what a provider would not send again is always taken."""
    async with door(tmp_path, broker, queues, sources=LIMITED) as intake:
        wrong = {"stripe-signature": f"t=1,v1={'0' * 64}"}
        forged = [await intake.send("stripe", event(f"forged_{n}"), change=wrong) for n in range(AT_ONCE + 5)]
        assert {answer.status_code for answer in forged} == {401}
        assert (await intake.send("stripe", event("real"))).status_code == 200
        pushes = [await intake.send("github", event(f"push_{number}")) for number in range(AT_ONCE + 5)]
        assert {answer.status_code for answer in pushes} == {200}


async def test_a_source_that_floods_waits_for_its_turn_and_does_not_hold_up_another(
    broker: Broker, queues: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come, only so many of one source are being stored; the other's event passes them by."""
    stores, gate = Intake.accept, asyncio.Event()
    held = list[str]()

    async def slowly(self: Intake, message: OutboundMessage, **options: Any) -> Accepted:
        if b"github" in message.body:
            held.append(message.headers[wire.JOB_ID])
            await gate.wait()
        return await stores(self, message, **options)

    monkeypatch.setattr(Intake, "accept", slowly)
    monkeypatch.setattr(shares, "IN_HAND", 2)
    async with door(tmp_path, broker, queues) as intake:
        flood = [asyncio.create_task(intake.send("github", event(f"flood_{number}"))) for number in range(20)]
        await eventually(lambda: len(held) == 2, what="two of the flood are being stored")
        assert (await intake.send("stripe", event("other"))).status_code == 200
        assert (len(held), any(task.done() for task in flood)) == (2, False)
        gate.set()
        assert {(await task).status_code for task in flood} == {200}
