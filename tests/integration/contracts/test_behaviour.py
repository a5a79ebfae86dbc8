"""Behaviour is part of the contract: each sentence of the page about it, at the real services, as anybody sees it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError
from sqlalchemy import insert, update

from nightshift.backoff import BASE_SECONDS, CEILING_SECONDS, FACTOR
from nightshift.contract import wire
from nightshift.embedded.stack import Stack
from schema.tables import reports
from tests.harness import eventually
from tests.integration.contracts.conftest import Running, World
from tests.integration.contracts.recorder import Published
from tools.contracts import topology
from tools.contracts.promises import PROMISES, REASONS

MAIL = b'{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'


async def _letter(world: World, job_id: str, *, timeout_seconds: float = 30) -> Published:
    found = await eventually(
        lambda: [one for one in world.recorder.on("dead.") if one.headers[wire.JOB_ID] == job_id],
        what=f"the dead letter of {job_id}",
        timeout_seconds=timeout_seconds,
    )
    assert len(found) == 1
    letter: Published = found[0]
    return letter


async def _done(world: World, job_type: str, job_id: str) -> None:
    async def there() -> bool:
        return (job_type, job_id) in await world.done()

    await eventually(there, what=f"{job_type} {job_id} is done")


def _mails(stack: Stack, subject: str) -> list[Path]:
    return [
        path
        for path in stack.mail.messages()
        if f"Subject: {subject}\n".encode() in path.read_bytes().replace(b"\r", b"")
    ]


async def test_a_body_that_does_not_fit_is_a_dead_letter_at_its_first_attempt(running: Running) -> None:
    """With the field and the reason; no copy of it ever waits."""
    async with running("email") as world:
        await world.publish("jobs.email.send", b'{"to":"ada@example.com","subject":17,"body":"Hi"}', "wrong")
        letter = await _letter(world, "wrong")
        assert letter.headers[wire.DEAD_REASON] == "invalid"
        assert letter.headers[wire.DEAD_ERROR] == "Expected `str`, got `int` - at `$.subject`"
        assert letter.headers[wire.DEAD_ATTEMPTS] == "1"
        assert not [one for one in world.recorder.on("later.") if one.headers[wire.JOB_ID] == "wrong"]


async def test_an_unknown_type_is_a_dead_letter_after_its_retries(running: Running) -> None:
    """Three copies wait before it; the dead letter says what may have been meant."""
    async with running("email") as world:
        await world.publish("jobs.email.sent", MAIL, "unknown")
        letter = await _letter(world, "unknown")
        assert letter.headers[wire.DEAD_REASON] == "unknown-type"
        assert "did you mean email.send?" in letter.headers[wire.DEAD_ERROR]
        assert letter.headers[wire.DEAD_ATTEMPTS] == "4"
        assert len(world.recorder.on("later.")) == 3


async def test_a_failed_job_is_tried_again_within_the_backoff(running: Running) -> None:
    """Each copy says how many attempts were used, and is due within 1, 2 and 4 s from when it was made."""
    async with running("upload") as world:
        began = datetime.now(UTC)
        await world.publish("jobs.upload.process", b'{"fileId":"none","userId":"nobody"}', "fails")
        letter = await _letter(world, "fails")
        assert (letter.headers[wire.DEAD_REASON], letter.headers[wire.DEAD_ATTEMPTS]) == ("attempts-exhausted", "4")
        copies = [one for one in world.recorder.on("later.") if one.headers[wire.JOB_ID] == "fails"]
        assert [one.headers[wire.ATTEMPT_BASE] for one in copies] == ["1", "2", "3"]
        dues = [datetime.fromisoformat(one.headers["Nats-Schedule"].removeprefix("@at ")) for one in copies]
        assert dues == sorted(dues)
        longest = sum(BASE_SECONDS * FACTOR**number for number in range(3))
        took = datetime.fromisoformat(letter.headers[wire.DEAD_TIME]) - began
        assert dues[-1] - began <= min(took, timedelta(seconds=longest + 10))
        assert topology.limits()["longestBackoffSeconds"] == CEILING_SECONDS == 15 * 60


async def test_a_job_published_twice_has_one_effect_inside_the_window_and_outside(
    running: Running, provisioned: Stack
) -> None:
    """The broker drops a second `Nats-Msg-Id`; a second `Job-Id` reaches the worker, which does nothing."""
    body = MAIL.replace(b'"Hi"', b'"Once"')
    async with running("email") as world:
        stream = world.client.jetstream()
        first = await stream.publish("jobs.email.send", body, headers={wire.MSG_ID: "once"})
        second = await stream.publish("jobs.email.send", body, headers={wire.MSG_ID: "once"})
        assert (first.duplicate, second.duplicate) == (None, True)
        await _done(world, "email.send", "once")
        # What the broker no longer remembers, or never knew, comes by another way with the same identity.
        for _ in range(2):
            await stream.publish("jobs.email.send", body, headers={wire.JOB_ID: "once"})
        await world.publish("jobs.email.send", MAIL.replace(b'"Hi"', b'"Last"'), "last")
        await _done(world, "email.send", "last")
        await eventually(lambda: world.service.log.read_text().count('"outcome":"duplicate"') == 2)
        assert len(_mails(provisioned, "Once")) == 1


async def test_a_job_of_a_dead_worker_is_with_another_one_in_time(running: Running) -> None:
    """The declared time is 30 s; here it is made one, and the worker that died is this test."""
    assert topology.limits()["acknowledgeSeconds"] == 30
    async with running() as world:
        stream = world.client.jetstream()
        usual = (await stream.consumer_info("EMAIL", "email")).config
        quick = ConsumerConfig(**{**usual.__dict__, "ack_wait": 1})
        await stream.add_consumer("EMAIL", quick)
        await world.publish("jobs.email.send", MAIL, "orphan")
        pull = await stream.pull_subscribe_bind("email", "EMAIL")
        (message,) = await pull.fetch(1, timeout=5)
        assert message.headers is not None
        assert message.headers[wire.JOB_ID] == "orphan"
        async with running("email") as other:
            await _done(other, "email.send", "orphan")
        await stream.add_consumer("EMAIL", usual)


async def test_no_order_is_promised(running: Running) -> None:
    """A job that was published first is done last when it takes longer: nobody waits for it."""
    slow = MAIL.replace(b"ada@", b"temporary-2+order@")
    async with running("email") as world:
        await world.publish("jobs.email.send", slow, "first")
        await world.publish("jobs.email.send", MAIL, "second")
        await _done(world, "email.send", "second")
        assert ("email.send", "first") not in await world.done()
        await _done(world, "email.send", "first")


async def test_headers_travel_along_but_for_orders_to_the_broker(running: Running) -> None:
    """Into the copies that wait and the dead letter; `Nats-Expected-Stream` was for the first publish alone."""
    async with running("upload") as world:
        await world.publish(
            "jobs.upload.process",
            b'{"fileId":"none","userId":"nobody"}',
            "travels",
            **{"X-Team": "red", "Nats-Expected-Stream": "UPLOAD"},
        )
        letter = await _letter(world, "travels")
        copies = [one for one in world.recorder.on("later.") if one.headers[wire.JOB_ID] == "travels"]
        assert [one.headers["X-Team"] for one in [*copies, letter]] == ["red"] * 4
        assert not [one for one in [*copies, letter] if "Nats-Expected-Stream" in one.headers]


async def test_an_event_is_handled_like_one_asked_for_by_hand(running: Running) -> None:
    """Both become the same five jobs; an event with a due time that came before is dropped by the broker."""
    event = {"name": "cleanup.daily", "schedule": "0 0 * * *", "timeZone": "UTC"}
    body = json.dumps({**event, "due": "2026-07-25T00:00:00Z", "announced": "2026-07-25T00:00:00Z"}).encode()
    async with running("maintenance") as world:
        stream = world.client.jetstream()
        identity = {wire.MSG_ID: "cleanup.daily@2026-07-25T00:00:00Z"}
        assert not (await stream.publish("cron.cleanup.daily", body, headers=identity)).duplicate
        assert (await stream.publish("cron.cleanup.daily", body, headers=identity)).duplicate
        await eventually(lambda: len(world.recorder.on("jobs.")) == 5, what="five jobs")
        await stream.publish("cron.cleanup.daily.manual", body)
        await eventually(lambda: len(world.recorder.on("jobs.")) == 10, what="five more, of the same ids")
        assert {one.headers[wire.JOB_ID] for one in world.recorder.on("jobs.")} == {"cleanup-daily-20260725T000000Z"}


async def test_a_dead_letter_published_again_on_its_subject_is_a_job(running: Running) -> None:
    """Its cause is repaired, its body and headers are published again as they are, and it is done."""
    assert topology.limits()["deadLetterDays"] == 30
    async with running("report") as world:
        async with world.database.write() as connection:
            await connection.execute(insert(reports), {"id": "odd", "kind": "horoscope", "parameters": {}})
        await world.publish("jobs.report.generate", b'{"reportId":"odd"}', "odd")
        letter = await _letter(world, "odd")
        assert letter.headers[wire.DEAD_REASON] == "permanent"
        async with world.database.write() as connection:
            await connection.execute(update(reports).values(kind="storage-usage", status="pending", error=None))
        headers = {name: value for name, value in letter.headers.items() if not name.startswith(("Dead-", "Nats-"))}
        await world.client.jetstream().publish(letter.headers[wire.DEAD_SUBJECT], letter.body, headers=headers)
        await _done(world, "report.generate", "odd")


async def test_more_than_the_limit_is_refused_by_the_broker(running: Running) -> None:
    """512 KB, headers included: the producer is told, and nothing is stored."""
    async with running() as world:
        with pytest.raises(APIError, match="message size exceeds maximum allowed"):
            await world.client.jetstream().publish("jobs.email.send", b" " * (wire.MAX_MESSAGE_BYTES + 1))


def test_every_promise_has_a_test() -> None:
    """No sentence of the page stands there for its sound alone."""
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert PROMISES.keys() <= tests


def test_every_reason_is_explained() -> None:
    """The closed set of reasons, on the page."""
    assert tuple(REASONS) == wire.REASONS
