"""Events of third parties: this machine plays the providers, whose requests take the same way as theirs would."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, select

from contracts.email import SendEmail
from demo.runner import Stage
from demo.sources import EVENTS
from nightshift.instants import utc_now
from schema.tables import email_deliveries, email_suppressions, provider_objects

_STATES = {3: "canceled", 1: "incomplete", 2: "active"}
"""Of a subscription, by the minute in which it came to be so; in the order in which Stripe tells of them."""
_GONE = "gone@example.com"


async def play(stage: Stage) -> None:
    """Play Stripe and Resend: a checkout, a forged one, a subscription in the wrong order, a bounce."""
    stage.begin("webhooks", "what providers send, signed, in whatever order")
    database = str(stage.stack.database)
    await _send(stage, "stripe", EVENTS / "checkout.json")
    await stage.expect("a checkout sends a mail", lambda: stage.mails("customer@example.com"))
    await stage.expect("the same checkout, forged, is refused: 401", lambda: _forged(stage))
    for event in _subscription(stage):
        await _send(stage, "stripe", event)
    await stage.expect("the newest of three states is kept", lambda: _is_canceled(stage), where=database)
    await _deliver(stage)
    await _send(stage, "resend", EVENTS / "bounced.json")
    await stage.expect("an address that bounces is listed", lambda: _is_listed(stage), where=database)
    await stage.publisher.publish(SendEmail(to=_GONE, subject="Hello?", body="<p>Hello?</p>"))
    await stage.expect("it gets no further mail", lambda: _was_suppressed(stage), where=database)
    stage.note("nightshift webhooks list")
    outcomes = await _outcomes(stage)
    await stage.expect(f"what became of each event is told: {', '.join(outcomes)}", lambda: len(outcomes) == 5)  # noqa: PLR2004


async def _send(stage: Stage, source: str, file: Path) -> None:
    """Sign a file as its provider does, and post it to the gateway."""
    stage.note(f"nightshift webhooks send {source} {file.name}")
    await stage.stack.run("nightshift.cli", "webhooks", "send", source, str(file))


async def _forged(stage: Stage) -> bool:
    """Post the checkout with a signature that anybody could make up; return whether it was refused."""
    url, body = f"{stage.stack.gateway_url}/webhooks/stripe", (EVENTS / "checkout.json").read_bytes()
    signature = f"t={int(utc_now().timestamp())},v1={'0' * 64}"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(url, content=body, headers={"Stripe-Signature": signature})
    return answer.status_code == httpx.codes.UNAUTHORIZED


def _subscription(stage: Stage) -> list[Path]:
    """Return the files of three events of one subscription, the newest first."""
    event = json.loads((EVENTS / "subscription.json").read_bytes())
    start, files = utc_now() - timedelta(hours=1), []
    for minute, status in _STATES.items():
        event["id"], event["data"]["object"]["status"] = f"evt_demo_{status}", status
        event["created"] = int((start + timedelta(minutes=minute)).timestamp())
        files.append(stage.out / f"subscription-{status}.json")
        files[-1].write_text(json.dumps(event), encoding="utf-8")
    return files


async def _deliver(stage: Stage) -> None:
    """Record a mail as the service `email` does once Resend has taken it."""
    bounce: dict[str, Any] = json.loads((EVENTS / "bounced.json").read_bytes())["data"]
    mail = {"subject": bounce["subject"], "recipients": bounce["to"], "provider_id": bounce["email_id"]}
    row = {"job_id": "demo-bounced", "transport": "resend", "message_id": "<demo-bounced@example.com>"}
    async with stage.database.write() as connection:
        await connection.execute(insert(email_deliveries), mail | row | {"sent_at": utc_now()})


async def _is_canceled(stage: Stage) -> bool:
    rows = await stage.rows(select(provider_objects.c.data).where(provider_objects.c.object_id == "sub_demo"))
    return bool(rows) and rows[0]["data"]["status"] == "canceled" and await stage.waiting("webhook") == 0


async def _is_listed(stage: Stage) -> bool:
    return bool(await stage.rows(select(email_suppressions).where(email_suppressions.c.address == _GONE)))


async def _was_suppressed(stage: Stage) -> bool:
    rows = await stage.rows(select(email_deliveries.c.id).where(email_deliveries.c.status == "suppressed"))
    return bool(rows) and not stage.mails(_GONE)


async def _outcomes(stage: Stage) -> list[str]:
    """Return what became of each event, as the operator is told."""
    events = json.loads(await stage.stack.run("nightshift.cli", "webhooks", "list", "--json"))
    return [f"{event['type']} {event['outcome']}" for event in events]
