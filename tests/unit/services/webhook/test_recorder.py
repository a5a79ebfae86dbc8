"""What becomes of an event, and what its row says of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from contracts.webhook import WebhookReceived
from nightshift import Job, Permanent, Skip, WebhookEvent, Webhooks
from nightshift.database import Database
from nightshift.messaging import claim_check
from nightshift.service.event_recorder import EventRecorder
from nightshift.testing import FakeObjectStore, JobResult, perform_job, route_of, temporary_database
from nightshift.webhooks.handled import decode_event
from schema.tables import activity_logs, webhook_events
from services.webhook.event_rows import LOG
from services.webhook.metrics import WebhookMetrics
from services.webhook.service import given_up, record
from tests.unit.services.webhook.events import NOW, received

NOTE = insert(activity_logs)


@dataclass
class Desk:
    """A service with one handler, `order.*` of acme, which says what `answer` says."""

    database: Database
    objects: FakeObjectStore = field(default_factory=FakeObjectStore)
    metrics: WebhookMetrics = field(default_factory=WebhookMetrics)
    answer: Exception | str | None = None
    keep: timedelta = timedelta(days=30)

    async def work_off(self, message: WebhookReceived | bytes, **options: Any) -> JobResult:
        """Lets the service work off an event."""
        recorder = EventRecorder(self.database, self.objects, self.keep, LOG, self.metrics.count, lambda: NOW)
        webhook = Webhooks(on_dead_letter=given_up)
        webhook.around(record)
        webhook.on("acme", "order.*")(self._handle)
        route = route_of(webhook, WebhookReceived, recorder=recorder)
        return await perform_job(
            route, message, database=self.database, objects=self.objects, job_type="webhook.received", **options
        )

    async def _handle(self, event: WebhookEvent, job: Job) -> str | None:
        job.write(NOTE, {"action": event.data.get("note", "")})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def rows(self) -> list[dict[str, Any]]:
        """The rows of all events."""
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(webhook_events))).mappings()]

    async def effects(self) -> list[str]:
        """What the handler has written."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(activity_logs.c.action))).scalars())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A service on an empty database."""
    async with temporary_database(tmp_path) as database:
        yield Desk(database)


async def test_an_event_is_recorded_with_its_effects(desk: Desk) -> None:
    """One row says what it was, when it happened and what it was about."""
    desk.answer = "order-9"
    result = await desk.work_off(received({"note": "paid"}, delivery_id="d-1", occurred_at=NOW - timedelta(seconds=2)))
    assert (result.outcome, await desk.effects()) == ("done", ["paid"])
    (row,) = await desk.rows()
    assert row.pop("body_key").startswith("claims/2026-12-27/")
    assert row == {
        "source": "acme",
        "event_id": "17",
        "type": "order.paid",
        "delivery_id": "d-1",
        "occurred_at": NOW - timedelta(seconds=2),
        "received_at": NOW,
        "handled_at": NOW,
        "outcome": "done",
        "reason": None,
        "object_id": "order-9",
    }


async def test_an_event_without_a_handler_is_skipped_and_recorded(desk: Desk) -> None:
    """Somebody may want to know that it came, and replay it when there is a handler."""
    result = await desk.work_off(received(event_type="refund.made"))
    (row,) = await desk.rows()
    assert (result.outcome, row["outcome"]) == ("skipped", "skipped")
    assert row["reason"] == "there is no handler for refund.made of acme"


async def test_what_a_handler_skips_is_recorded_with_its_reason(desk: Desk) -> None:
    """Its effects are dropped, as those of every job that is skipped."""
    desk.answer = Skip("nobody has to know")
    assert (await desk.work_off(received())).outcome == "skipped"
    (row,) = await desk.rows()
    assert (row["outcome"], row["reason"], await desk.effects()) == ("skipped", "nobody has to know", [])


async def test_an_event_that_is_given_up_on_is_recorded(desk: Desk) -> None:
    """The row says why, as the dead letter does."""
    desk.answer = Permanent("no such order")
    assert (await desk.work_off(received())).outcome == "dead"
    (row,) = await desk.rows()
    assert (row["outcome"], row["reason"], await desk.effects()) == ("dead", "no such order", [])


async def test_a_failed_attempt_leaves_no_row(desk: Desk) -> None:
    """A row that is there before the effect would make the next attempt a duplicate, and lose the event."""
    desk.answer = RuntimeError("not now")
    assert (await desk.work_off(received(), job_id="acme-17")).outcome == "retry"
    assert await desk.rows() == []
    desk.answer = None
    assert (await desk.work_off(received(), job_id="acme-17", attempt=2)).outcome == "done"
    assert [row["outcome"] for row in await desk.rows()] == ["done"]


async def test_the_same_event_twice_has_one_effect(desk: Desk) -> None:
    """Its id is that of the job."""
    outcomes = [(await desk.work_off(received(), job_id="acme-17")).outcome for _ in range(2)]
    assert (outcomes, len(await desk.effects()), len(await desk.rows())) == (["done", "duplicate"], 1, 1)


async def test_a_dead_letter_beside_an_effect_changes_nothing(desk: Desk) -> None:
    """A worker that was taken for dead may have handled the event: what happened counts."""
    await desk.work_off(received(), job_id="acme-17")
    desk.answer = Permanent("too late")
    await desk.work_off(received(), job_id="acme-17-again")
    assert [row["outcome"] for row in await desk.rows()] == ["done"]


async def test_a_replay_overwrites_the_row(desk: Desk) -> None:
    """A dead letter that is worked off after all is done."""
    desk.answer = Permanent("no such order")
    await desk.work_off(received(), job_id="acme-17")
    desk.answer = "order-9"
    assert (await desk.work_off(received(), job_id="acme-17")).outcome == "done"
    assert [(row["outcome"], row["reason"], row["object_id"]) for row in await desk.rows()] == [
        ("done", None, "order-9")
    ]


async def test_the_body_is_kept_for_a_replay(desk: Desk) -> None:
    """As a claim check, whose date is the day after which nobody can replay it."""
    message = received({"note": "Grüße"})
    await desk.work_off(message)
    (row,) = await desk.rows()
    assert decode_event(await claim_check.fetch(desk.objects, row["body_key"])).about == message


async def test_no_body_is_kept_where_none_is_wanted(desk: Desk) -> None:
    """The setting is zero: nothing is stored."""
    desk.keep = timedelta(0)
    await desk.work_off(received())
    assert [row["body_key"] for row in await desk.rows()] == [None]
    assert desk.objects.contents == {}


@pytest.mark.parametrize(
    ("message", "words"),
    [(received("{"), "the event's body is not JSON"), (received({}, event_type="unknown"), "acme did not say")],
)
async def test_what_cannot_be_read_is_a_dead_letter_at_once(desk: Desk, message: WebhookReceived, words: str) -> None:
    """With the reason `invalid`: it can be redriven, and trying again cannot help."""
    result = await desk.work_off(message)
    assert result.outcome == "dead"
    assert getattr(result.verdict, "reason", "") == "invalid"
    assert words in getattr(result.verdict, "error", "")


async def test_events_are_counted_by_outcome(desk: Desk) -> None:
    """For each source."""
    await desk.work_off(received())
    await desk.work_off(received(event_id="18", event_type="refund.made"))
    desk.answer = Permanent("no")
    await desk.work_off(received(event_id="19"))
    assert desk.metrics.events == {("acme", "done"): 1, ("acme", "skipped"): 1, ("acme", "dead"): 1}


async def test_what_is_not_committed_is_not_counted(desk: Desk) -> None:
    """An event that comes a second time, or whose effects fail, has changed nothing."""
    await desk.work_off(received(), job_id="acme-17")
    assert (await desk.work_off(received(), job_id="acme-17")).outcome == "duplicate"
    assert (await desk.work_off(received({"note": None}, event_id="18"))).outcome == "retry"
    assert desk.metrics.events == {("acme", "done"): 1}
