"""The sweep: a schedule that did not fire is handed over once, a stray becomes a dead letter, the rest stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightshift.broker import Connection, QueueFullError, direct_get
from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.housekeeping.overdue import publish_overdue
from nightshift.messaging.outbound import schedule_at
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import MAX_WAITING_BYTES, StreamLimits
from tests.harness import RunProbe, probe_topology, stored

NOW = datetime.now(UTC)
DUE = NOW + timedelta(days=10)
LATE = DUE + timedelta(hours=1)


async def _later(publisher: Publisher, job_id: str, at: datetime = DUE) -> None:
    await publisher.publish_later(RunProbe(name=job_id), at=at, job_id=job_id, headers={"traceparent": "00-ab"})


async def test_an_overdue_schedule_is_handed_over_in_one_step(publisher: Publisher, connection: Connection) -> None:
    """Exactly one job is due, with id, headers and body of its schedule, which is gone; the next sweep finds none."""
    await _later(publisher, "one")
    assert await publish_overdue(connection, publisher, "probe", LATE) == (1, 0)
    (due,) = await stored(connection, "PROBE_LATER")
    assert (due.subject, due.body) == ("due.probe.run", b'{"name":"one","number":0}')
    assert (due.headers["Job-Id"], due.headers["traceparent"]) == ("one", "00-ab")
    assert "Nats-Schedule" not in due.headers
    assert await publish_overdue(connection, publisher, "probe", LATE) == (0, 0)


@pytest.mark.parametrize("late", [timedelta(days=-1), timedelta(0), timedelta(seconds=29)])
async def test_a_schedule_that_may_still_fire_is_left_alone(
    publisher: Publisher, connection: Connection, late: timedelta
) -> None:
    """The broker gets half a minute before anybody takes its place."""
    await _later(publisher, "one")
    assert await publish_overdue(connection, publisher, "probe", DUE + late) == (0, 0)
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == ["later.probe.run.one"]


async def test_a_schedule_that_is_replaced_meanwhile_stays(
    publisher: Publisher, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sweep has read is old by then: the new one keeps its time."""
    read = direct_get.page

    async def replace_after(*arguments: Any) -> list[StoredMessage]:
        page = await read(*arguments)
        if page and page[0].headers["Nats-Schedule"] == schedule_at(DUE):
            await _later(publisher, "one", LATE + timedelta(days=1))
        return page

    await _later(publisher, "one")
    monkeypatch.setattr(direct_get, "page", replace_after)
    assert (await publish_overdue(connection, publisher, "probe", LATE))[0] == 0
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == ["later.probe.run.one"]


async def test_a_schedule_that_is_cancelled_meanwhile_stays_cancelled(
    publisher: Publisher, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hand-over is refused when there is nothing to hand over."""
    read = direct_get.page

    async def cancel_after(*arguments: Any) -> list[StoredMessage]:
        page = await read(*arguments)
        await publisher.cancel("probe.run", "one")
        return page

    await _later(publisher, "one")
    monkeypatch.setattr(direct_get, "page", cancel_after)
    assert await publish_overdue(connection, publisher, "probe", LATE) == (0, 0)
    assert await stored(connection, "PROBE_LATER") == []


STRAYS: dict[str, dict[str, str]] = {
    "no header at all": {},
    "a job id and no time": {"Job-Id": "lost"},
    "a time that is none": {"Job-Id": "lost", "x": "@at soon"},
    "names that the broker adds itself": {
        "Nats-Subject": "later.other.x.y",
        "Nats-Sequence": "abc",
        "Nats-Time-Stamp": "q",
    },
}


@pytest.mark.parametrize("what", STRAYS)
async def test_a_stray_becomes_a_dead_letter_and_leaves_the_stream(
    publisher: Publisher, connection: Connection, what: str
) -> None:
    """A message on `later.` without a time would wait for ever and nobody would see it."""
    await _later(publisher, "good")
    receipt = await publisher.store(OutboundMessage("later.probe.run.stray", STRAYS[what], b'{"name":"stray"}'))
    assert await publish_overdue(connection, publisher, "probe", NOW) == (0, 1)
    (letter,) = await stored(connection, "PROBE_DLQ")
    assert (letter.subject, letter.body) == ("dead.probe.run", b'{"name":"stray"}')
    assert (letter.headers["Dead-Reason"], letter.headers["Dead-Subject"]) == ("invalid", "later.probe.run.stray")
    assert (letter.headers["Dead-Stream"], letter.headers["Dead-Sequence"]) == ("PROBE_LATER", str(receipt.seq))
    assert "without the header 'Nats-Schedule: @at <time>'" in letter.headers["Dead-Error"]
    assert letter.headers["Job-Id"] == STRAYS[what].get("Job-Id", letter.headers["Job-Id"])
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == ["later.probe.run.good"]


async def test_a_thousand_waiting_jobs_are_read_page_by_page(
    publisher: Publisher, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is missed, none is touched, and no more than a page is held at a time; the overdue among them is found."""
    for start in range(0, 1000, 250):
        await asyncio.gather(*(_later(publisher, f"j{start + number}", LATE) for number in range(250)))
    await _later(publisher, "overdue")
    sizes: list[int] = []
    read = direct_get.page

    async def count(*arguments: Any) -> list[StoredMessage]:
        page = await read(*arguments)
        sizes.append(len(page))
        return page

    monkeypatch.setattr(direct_get, "page", count)
    assert await publish_overdue(connection, publisher, "probe", DUE + timedelta(minutes=2)) == (1, 0)
    assert (sum(sizes), max(sizes)) == (1001, direct_get.PAGE)
    assert len(await stored(connection, "PROBE_LATER", "later.>")) == 1000


async def test_two_sweepers_hand_each_job_over_once(
    publisher: Publisher, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever comes second finds another last sequence, or the stray gone: it counts and complains of nothing."""
    for number in range(20):
        await _later(publisher, f"j{number}")
    for number in range(10):
        await publisher.store(OutboundMessage(f"later.probe.run.s{number}", {}, b"{}"))
    counts = await asyncio.gather(*(publish_overdue(connection, publisher, "probe", LATE) for _ in range(2)))
    assert sum(overdue for overdue, _ in counts) == 20
    assert sum(strays for _, strays in counts) == 10
    due = [message.headers["Job-Id"] for message in await stored(connection, "PROBE_LATER")]
    assert sorted(due) == sorted(f"j{number}" for number in range(20))
    assert len(await stored(connection, "PROBE_DLQ")) == 10
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_message_that_cannot_be_moved_does_not_stop_the_others(
    publisher: Publisher, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays where it is, with an error in the log; those behind it are handed over."""
    schedule = {"Nats-Schedule": "@at 2040-01-01T00:00:00Z", "Nats-Schedule-Target": "due.probe.run"}
    huge = OutboundMessage("later.probe.run.huge", {**schedule, "Nats-Rollup": "sub"}, b"")  # this the broker adds
    await publisher.store(OutboundMessage(huge.subject, schedule, b"x" * (MAX_WAITING_BYTES - huge.size())))
    await _later(publisher, "small")
    assert await publish_overdue(connection, publisher, "probe", datetime(2041, 1, 1, tzinfo=UTC)) == (1, 0)
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == [huge.subject, "due.probe.run"]
    assert "stays where it is" in caplog.text


async def test_a_full_dead_letter_stream_keeps_the_stray(publisher: Publisher, connection: Connection) -> None:
    """The sweep ends there, to be tried again: nothing is removed that is not kept elsewhere."""
    await provision_broker(connection, probe_topology(StreamLimits(dead_letter_bytes=1000)))
    await publisher.store(OutboundMessage("later.probe.run.stray", {}, b"x" * 2000))
    with pytest.raises(QueueFullError):
        await publish_overdue(connection, publisher, "probe", NOW)
    assert len(await stored(connection, "PROBE_LATER")) == 1
