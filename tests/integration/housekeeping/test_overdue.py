"""Overdue schedules are published once, messages without a time become dead letters, the rest stays."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from nightshift.broker import Connection, QueueFullError
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.housekeeping.overdue import publish_overdue
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import MAX_WAITING_BYTES, StreamLimits
from tests.harness import RunProbe, probe_topology, stored

NOW = datetime.now(UTC)
DUE = NOW + timedelta(days=10)
LATE = DUE + timedelta(hours=1)


class Late(Publisher):
    """A publisher before whose first message somebody else does something."""

    def __init__(self, connection: Connection, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(connection)
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile

    async def store(self, message: OutboundMessage) -> Stored:
        """Let the other one be first, once."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().store(message)


async def _later(publisher: Publisher, job_id: str, at: datetime = DUE) -> None:
    await publisher.publish_later(RunProbe(name=job_id), at=at, job_id=job_id, headers={"traceparent": "00-ab"})


async def test_an_overdue_schedule_is_published_in_one_step(publisher: Publisher, connection: Connection) -> None:
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


async def test_a_schedule_that_is_replaced_meanwhile_stays(publisher: Publisher, connection: Connection) -> None:
    """What was read is old by then: the new one keeps its time."""
    await _later(publisher, "one")
    late = Late(connection, partial(_later, publisher, "one", LATE + timedelta(days=1)))
    assert await publish_overdue(connection, late, "probe", LATE) == (0, 0)
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == ["later.probe.run.one"]


async def test_a_schedule_that_is_cancelled_meanwhile_stays_cancelled(
    publisher: Publisher, connection: Connection
) -> None:
    """The broker refuses to publish what is not there any more."""
    await _later(publisher, "one")
    late = Late(connection, partial(publisher.cancel, "probe.run", "one"))
    assert await publish_overdue(connection, late, "probe", LATE) == (0, 0)
    assert await stored(connection, "PROBE_LATER") == []


TIMELESS: dict[str, dict[str, str]] = {
    "no header at all": {},
    "a job id and no time": {"Job-Id": "lost"},
    "a time that is none": {"Job-Id": "lost", "x": "@at soon"},
    "names that the broker adds itself": {
        "Nats-Subject": "later.other.x.y",
        "Nats-Sequence": "abc",
        "Nats-Time-Stamp": "q",
    },
}


@pytest.mark.parametrize("what", TIMELESS)
async def test_a_message_without_a_time_becomes_a_dead_letter_and_leaves_the_stream(
    publisher: Publisher, connection: Connection, what: str
) -> None:
    """A message on `later.` without a time would wait for ever and nobody would see it."""
    await _later(publisher, "good")
    receipt = await publisher.store(OutboundMessage("later.probe.run.timeless", TIMELESS[what], b'{"name":"timeless"}'))
    assert await publish_overdue(connection, publisher, "probe", NOW) == (0, 1)
    (letter,) = await stored(connection, "PROBE_DLQ")
    assert (letter.subject, letter.body) == ("dead.probe.run", b'{"name":"timeless"}')
    assert (letter.headers["Dead-Reason"], letter.headers["Dead-Subject"]) == ("invalid", "later.probe.run.timeless")
    assert (letter.headers["Dead-Stream"], letter.headers["Dead-Sequence"]) == ("PROBE_LATER", str(receipt.seq))
    assert "without the header 'Nats-Schedule: @at <time>'" in letter.headers["Dead-Error"]
    assert letter.headers["Job-Id"] == TIMELESS[what].get("Job-Id", letter.headers["Job-Id"])
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == ["later.probe.run.good"]


async def test_a_thousand_waiting_jobs_are_read_page_by_page(
    publisher: Publisher, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is missed, none is touched, and no more than a page is held at a time; the overdue among them is found."""
    for start in range(0, 1000, 250):
        await asyncio.gather(*(_later(publisher, f"j{start + number}", LATE) for number in range(250)))
    await _later(publisher, "overdue")
    pages, send = list[int](), connection.send

    def note(subject: bytes, body: bytes = b"", *rest: bytes) -> None:
        if subject == b"$JS.API.DIRECT.GET.PROBE_LATER":
            pages.append(json.loads(body)["batch"])
        send(subject, body, *rest)

    monkeypatch.setattr(connection, "send", note)
    assert await publish_overdue(connection, publisher, "probe", DUE + timedelta(minutes=2)) == (1, 0)
    assert pages == [256] * 5
    assert len(await stored(connection, "PROBE_LATER", "later.>")) == 1000


async def test_two_sweeps_publish_each_job_once(
    publisher: Publisher, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever comes second finds another last sequence, or the message gone: it neither counts nor logs it."""
    for number in range(20):
        await _later(publisher, f"j{number}")
    for number in range(10):
        await publisher.store(OutboundMessage(f"later.probe.run.s{number}", {}, b"{}"))
    counts = await asyncio.gather(*(publish_overdue(connection, publisher, "probe", LATE) for _ in range(2)))
    assert sum(overdue for overdue, _ in counts) == 20
    assert sum(timeless for _, timeless in counts) == 10
    due = [message.headers["Job-Id"] for message in await stored(connection, "PROBE_LATER")]
    assert sorted(due) == sorted(f"j{number}" for number in range(20))
    assert len(await stored(connection, "PROBE_DLQ")) == 10
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_message_that_cannot_be_moved_does_not_stop_the_others(
    publisher: Publisher, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays where it is, with an error in the log; those behind it are published."""
    schedule = {"Nats-Schedule": "@at 2040-01-01T00:00:00Z", "Nats-Schedule-Target": "due.probe.run"}
    huge = OutboundMessage("later.probe.run.huge", {**schedule, "Nats-Rollup": "sub"}, b"")  # this the broker adds
    await publisher.store(OutboundMessage(huge.subject, schedule, b"x" * (MAX_WAITING_BYTES - huge.size())))
    await _later(publisher, "small")
    assert await publish_overdue(connection, publisher, "probe", datetime(2041, 1, 1, tzinfo=UTC)) == (1, 0)
    assert [message.subject for message in await stored(connection, "PROBE_LATER")] == [huge.subject, "due.probe.run"]
    assert "stays where it is" in caplog.text


async def test_a_full_dead_letter_stream_keeps_the_message(publisher: Publisher, connection: Connection) -> None:
    """The sweep ends there, to be tried again: nothing is removed that is not kept elsewhere."""
    await provision_broker(connection, probe_topology(StreamLimits(dead_letter_bytes=1000)))
    await publisher.store(OutboundMessage("later.probe.run.timeless", {}, b"x" * 2000))
    with pytest.raises(QueueFullError):
        await publish_overdue(connection, publisher, "probe", NOW)
    assert len(await stored(connection, "PROBE_LATER")) == 1
