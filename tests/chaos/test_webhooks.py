"""Webhooks under faults: what was answered for is not lost, each effect is there once, and every answer is in time."""

import asyncio
import contextlib
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, open_database
from nightshift.database.tables import outbox
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.stack import Stack
from nightshift.webhooks.sources import load_sources
from schema.tables import webhook_events
from tests.chaos.pace import BRISK
from tests.chaos.provider import BOTH_AWAY, CALM, GATEWAY_STRUCK, Answer, Provider, breaches, figures
from tests.chaos.replica import Replica
from tests.chaos.world import shorten_ack_wait
from tests.harness import eventually
from tests.servers import running

pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform == "win32", reason="nothing can be frozen there")]
_SENDERS = 5
_SECRET = "whsec_made_up_secret_of_the_chaos_run"
_SOURCES = '[stripe]\nscheme = "stripe"\nsecrets = ["env:STRIPE_WEBHOOK_SECRET"]\n'
_START_SECONDS = 60.0
_QUIET_SECONDS = 60.0


@dataclass
class Door:
    """The stack with its three processes, and who posts to it."""

    stack: Stack
    connection: Connection
    database: Database
    provider: Provider
    gateway: Replica
    webhook: Replica

    async def left(self) -> dict[str, int]:
        """Count what still waits."""
        found = {}
        for stream in ("WEBHOOK", "WEBHOOK_LATER", "WEBHOOK_DLQ"):
            found[stream] = int((await manage(self.connection, f"STREAM.INFO.{stream}"))["state"]["messages"])
        return found | {"the outbox": await self._rows()}

    async def reaches_broker(self) -> bool:
        """Return whether the broker took the newest event, and not the outbox."""
        before = await self._rows()
        answers = len(self.provider.ledger)
        await eventually(lambda: len(self.provider.ledger) > answers + 2 * _SENDERS, what="further answers")
        return await self._rows() <= before

    async def outcomes(self) -> dict[str, str]:
        """Return what became of each event."""
        async with self.database.read() as reading:
            rows = await reading.execute(select(webhook_events.c.event_id, webhook_events.c.outcome))
            return {row.event_id.removeprefix("evt_"): row.outcome for row in rows}

    async def _rows(self) -> int:
        async with self.database.read() as reading:
            return int((await reading.execute(select(func.count()).select_from(outbox))).scalar_one())

    def mails(self) -> Counter[str]:
        """Count the mails for each event."""
        texts = (file.read_text("utf-8", "replace") for file in messages(self.stack.mail.mailbox))
        return Counter(found[1] for text in texts if (found := re.search(r"X-Envelope-To: event-(\w+)@", text)))

    @contextmanager
    def time_of(self, name: str) -> Iterator[None]:
        """Name a time; the answers that begin or end in it are known by its name."""
        self.provider.now = name
        try:
            yield
        finally:
            self.provider.now = CALM


def test_each_broken_promise_to_a_provider_is_named() -> None:
    """The judge is not blind: a good ledger passes, and every kind of breach is found."""
    calm, both = frozenset({CALM}), frozenset({CALM, BOTH_AWAY})
    good = [
        Answer("1", calm, 200, 0.1),
        Answer("1", calm, 200, 0.1),
        Answer("2", both, 503, 2.1),
        Answer("3", frozenset({GATEWAY_STRUCK}), None, 0.1),
    ]
    assert breaches(good, {"1": "done"}, {"1": 1}, {"WEBHOOK": 0}) == []
    bad = [
        Answer("late", calm, 200, 2.6),
        Answer("lost", calm, 200, 0.1),
        Answer("silent", calm, None, 0.1),
        Answer("needless", calm, 503, 0.1),
        Answer("failed", both, 500, 0.1),
    ]
    outcomes = {"late": "done", "silent": "done", "needless": "dead"}
    assert breaches(bad, outcomes, {"silent": 2, "odd": 1}, {"WEBHOOK": 3}) == [
        "event late, calm: answered after 2.60 s",
        "event silent, calm: no answer",
        "event needless, calm: answered 503",
        "event failed, broker and database away and calm: answered 500",
        "event late has no mail",
        "event lost was answered with 200 and is lost",
        "event silent has 2 mails",
        "event odd has a mail and no row",
        "3 left in WEBHOOK",
    ]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A gateway with the source `stripe`, the webhook service and the email service, each a process, all ready."""
    async with running(Stack(tmp_path)) as stack, AsyncExitStack() as closing:
        await stack.provision()
        sources = tmp_path / "sources.toml"
        sources.write_text(_SOURCES)
        secrets = {"STRIPE_WEBHOOK_SECRET": _SECRET}
        extra = secrets | {"GATEWAY_WEBHOOKS": str(sources), "LOG_FORMAT": "text"}
        connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="chaos")
        closing.push_async_callback(connection.close)
        await shorten_ack_wait(connection, "webhook", BRISK.ack_wait_seconds)
        database = open_database(stack.environment()["DATABASE_URL"])
        closing.push_async_callback(database.close)
        processes = {
            name: Replica(stack, name, module, extra=extra)
            for name, module in (
                ("gateway", "services.gateway"),
                ("webhook", "tests.chaos.webhook_worker"),
                ("email", "services.email"),
            )
        }
        for process in processes.values():
            closing.push_async_callback(process.destroy)
            process.start()
        for process in processes.values():
            await _ready(process)
        provider = Provider(load_sources(sources, secrets)["stripe"], stack.gateway_url)
        yield Door(stack, connection, database, provider, processes["gateway"], processes["webhook"])


async def test_a_webhook_that_was_answered_for_has_its_effect_once_whatever_is_struck(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broker killed, frozen, restarted; gateway and service killed; 503 only without broker and database."""
    stop = asyncio.Event()
    senders = [asyncio.create_task(door.provider.post(stop)) for _ in range(_SENDERS)]
    try:
        await _strike(door)
    finally:
        stop.set()
        await asyncio.gather(*senders)
    await door.webhook.kill()  # what it had in hand is delivered again; the next one relays as soon as it starts
    left = await _quiet(door)
    ledger = door.provider.ledger
    with capsys.disabled():
        print(f"\n  {figures(ledger)}")  # noqa: T201
    found = breaches(ledger, await door.outcomes(), door.mails(), left)
    assert not found, "\n".join([*found, f"logs in {door.stack.logs}"])
    assert len(door.provider.accepted()) >= 200
    assert 503 in {answer.status for answer in ledger}, "broker and database were never away together"


async def _strike(door: Door) -> None:
    """Every fault once, with events coming in."""
    broker = door.stack.broker
    await asyncio.sleep(1)
    with door.time_of("broker killed"):
        await broker.kill()
        await asyncio.sleep(2)
        await broker.start()
        await asyncio.sleep(1)
    with door.time_of("broker frozen"):
        broker.pause()
        await asyncio.sleep(3)
        broker.resume()
        await asyncio.sleep(1)
    with door.time_of("broker restarted"):
        await broker.restart()
        await asyncio.sleep(1)
    await door.webhook.kill()
    with door.time_of(GATEWAY_STRUCK):
        await _killed(door.gateway)
    await broker.stop()
    with door.time_of(BOTH_AWAY), _database_locked(door.stack.database):
        await asyncio.sleep(3)
    await broker.start()
    await eventually(door.reaches_broker, what="the gateway has found the broker again")
    with door.time_of("database locked"), _database_locked(door.stack.database):
        await asyncio.sleep(2)
    await asyncio.sleep(1)


async def _killed(process: Replica) -> None:
    """Kill it; return when its successor is ready."""
    before = sum(process.ends.values())
    await process.kill()
    await eventually(lambda: sum(process.ends.values()) > before, what=f"the end of {process.name} is noticed")
    await _ready(process)


async def _ready(process: Replica) -> None:
    async def is_ready() -> bool:
        return " 200 " in (await process.answer("/readyz")).partition("\n")[0]

    await eventually(is_ready, what=f"{process.name} is ready", timeout_seconds=_START_SECONDS)


@contextmanager
def _database_locked(file: Path) -> Iterator[None]:
    """Hold the lock of an SQLite file, as another process might."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def _quiet(door: Door) -> dict[str, int]:
    """Wait until nothing is left and every mail has come; return what is left all the same."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while True:
        left, outcomes = await door.left(), await door.outcomes()
        if (not any(left.values()) and len(door.mails()) >= len(outcomes)) or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.2)
