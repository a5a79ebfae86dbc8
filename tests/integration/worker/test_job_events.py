"""What a worker tells of its jobs on `events.<service>`: each turn once, in order, many in a message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.contract.job_events import JobEvent, JobEvents, JobQuestion
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Entry
from nightshift.outcomes import Permanent, Skip, Snooze
from nightshift.topology.discovery import ASK
from nightshift.worker.event_feed import EventFeed
from tests.harness import RunProbe, eventually
from tests.integration.worker.conftest import Work

pytestmark = pytest.mark.usefixtures("soon")


@asynccontextmanager
async def heard(connection: Connection) -> AsyncIterator[list[JobEvents]]:
    """Everything that workers tell inside the block."""
    told: list[JobEvents] = []

    def receive(_subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        told.append(msgspec.json.decode(body, type=JobEvents))

    sid = await connection.listen("events.>", receive)
    await connection.flush()
    yield told
    await connection.unlisten(sid)


def all_of(told: list[JobEvents]) -> list[JobEvent]:
    """The events of all messages."""
    return [event for one in told for event in one.events]


async def until(told: list[JobEvents], **wanted: Any) -> JobEvent:
    """The first event that has these fields."""

    def found() -> list[JobEvent]:
        return [event for event in all_of(told) if all(getattr(event, name) == value for name, value in wanted.items())]

    events: list[JobEvent] = await eventually(found, what=f"{wanted} among {all_of(told)}")
    return events[0]


async def test_each_end_of_an_attempt_is_told(work: Work) -> None:
    """By the words of the log, with the class of the error, and for whom it was."""

    async def handler(message: RunProbe, job: Job) -> None:
        match message.name:
            case "skip":
                raise Skip("nothing to do")
            case "fail" if job.attempt == 1:
                raise ConnectionError("not today")
            case "snooze" if job.attempt == 1 and not snoozed:
                snoozed.append(message.name)
                raise Snooze(timedelta(milliseconds=50))
            case "refuse":
                raise Permanent("never")

    snoozed: list[str] = []
    names = ("work", "skip", "fail", "snooze", "refuse")
    async with work({RunProbe: handler}) as harness, heard(harness.connection) as told:
        for name in names:
            await harness.publisher.publish(RunProbe(name=name), job_id=name, tenant="acme")
        await until(told, id="fail", what="done", attempt=2)
        await until(told, id="snooze", what="done")
        await until(told, id="refuse", what="dead")
    ends = [event for event in all_of(told) if event.ends_attempt]  # what is slow is told as started, too
    turns = {name: [(event.what, event.attempt) for event in ends if event.id == name] for name in names}
    assert turns == {
        "work": [("done", 1)],
        "skip": [("skipped", 1)],
        "fail": [("retry", 1), ("done", 2)],
        "snooze": [("snooze", 1), ("done", 1)],
        "refuse": [("dead", 1)],
    }
    errors = {(event.id, event.error) for event in all_of(told) if event.error}
    assert errors == {("fail", "ConnectionError"), ("refuse", "permanent")}
    assert {(event.type, event.tenant) for event in all_of(told)} == {("probe.run", "acme")}


async def test_many_jobs_are_told_in_few_messages(work: Work) -> None:
    """A hundredth of their number, each job once; the stream keeps them."""

    async def handler(_message: RunProbe, _job: Job) -> None:
        pass

    count = 3_000
    async with work({RunProbe: handler}, slots=500) as harness, heard(harness.connection) as told:
        for first in range(0, count, 1_000):
            jobs = [Entry(RunProbe(name=str(number)), str(number)) for number in range(first, first + 1_000)]
            await harness.publisher.publish_many(jobs)
        await eventually(lambda: len(all_of(told)) >= count)
        assert sorted(int(event.id) for event in all_of(told)) == list(range(count))
        assert len(told) <= count / 25
        kept = await eventually(lambda: harness.stored("EVENTS"))
    assert {message.subject for message in kept} == {"events.probe"}


async def test_events_of_long_ids_fit_into_messages(work: Work) -> None:
    """What somebody chose as ids and tenants closes no connection: it is told in more messages."""

    async def handler(_message: RunProbe, _job: Job) -> None:
        pass

    count, tenant = 400, '"' * 490
    async with work({RunProbe: handler}, slots=500, start=False) as harness, heard(harness.connection) as told:
        for first in range(0, count, 100):
            ids = [f"{number:03}".ljust(490, '"') for number in range(first, first + 100)]
            await harness.publisher.publish_many([Entry(RunProbe(name="a"), one, tenant) for one in ids])
        feed = EventFeed("probe", harness.connection)
        for one in range(2 * count):
            feed.tell(JobEvent(type="probe.run", id=f"{one:03}".ljust(490, '"'), what="done", tenant=tenant))
        feed.flush()
        await eventually(lambda: len(all_of(told)) == 2 * count, what="all of these are heard")
        assert max(len(msgspec.json.encode(one)) for one in told) < harness.connection.max_payload
        await harness.parts.worker.start(harness.parts.pulls)
        await eventually(lambda: len(all_of(told)) == 3 * count, what="those of jobs are heard, too")
        assert harness.connection.stats["reconnects"] == 0


async def test_a_flood_of_progress_is_a_trickle_of_messages(work: Work) -> None:
    """A thousand jobs that tell a thousand times each: of each the newest, once a second, many in a message."""
    count, times = 1_000, 1_000

    async def handler(message: RunProbe, job: Job) -> None:
        for step in range(times):
            job.progress(step / times, f"step {step}")
            if step % 100 == 99:
                await asyncio.sleep(0.01)
        if message.number:
            await asyncio.sleep(1.2)
            job.progress(1.0)

    async with work({RunProbe: handler}, slots=count) as harness, heard(harness.connection) as told:
        began = asyncio.get_running_loop().time()
        await harness.publisher.publish_many([Entry(RunProbe(name="a", number=1), str(one)) for one in range(count)])
        await harness.settled(count)
        seconds = asyncio.get_running_loop().time() - began
        await eventually(lambda: sum(one.what == "done" for one in all_of(told)) == count, what="all are done")
    progress = [one for one in all_of(told) if one.what == "progress"]
    assert {one.id for one in progress} == {str(one) for one in range(count)}
    assert len(progress) <= count * (seconds + 1)
    assert sum(any(event.what == "progress" for event in one.events) for one in told) <= 2 * (seconds + 1)
    assert harness.outcomes() == {"done": count}


async def test_a_job_that_runs_for_a_second_is_told_and_how_far_it_is(work: Work) -> None:
    """The newest of what it says, once a second; nothing where nothing is new."""
    go_on = asyncio.Event()

    async def handler(_message: RunProbe, job: Job) -> None:
        await go_on.wait()
        for page in range(1, 5):
            job.progress(page / 10, f"page\n{page} of 10")
        await asyncio.sleep(60)

    async with work({RunProbe: handler}) as harness, heard(harness.connection) as told:
        await harness.publisher.publish(RunProbe(name="long"), job_id="long")
        started = await until(told, what="started", id="long")
        assert started.ms >= 1000
        go_on.set()
        progress = await until(told, what="progress")
        assert (progress.fraction, progress.note) == (0.4, "page 4 of 10")
        assert [event.what for event in all_of(told)] == ["started", "progress"]


async def test_who_comes_late_asks_how_far_a_job_is(work: Work) -> None:
    """The worker that runs it tells it again, for all that listen; a question that is none gets no answer."""
    running = asyncio.Event()

    async def handler(_message: RunProbe, job: Job) -> None:
        job.progress(0.25)
        running.set()
        await asyncio.sleep(60)

    async with work({RunProbe: handler}) as harness:
        await harness.listen()
        await harness.publisher.publish(RunProbe(name="long"), job_id="long")
        await running.wait()
        async with heard(harness.connection) as told:
            for question in (b"", b"{", b"\xff", msgspec.json.encode(JobQuestion(type="probe.run", id="other"))):
                harness.connection.send(ASK.encode(), question)
            harness.connection.send(ASK.encode(), msgspec.json.encode(JobQuestion(type="probe.run", id="long")))
            assert (await until(told, what="progress", id="long")).fraction == 0.25
    assert {event.id for event in all_of(told)} == {"long"}


@pytest.mark.parametrize(
    ("fraction", "told"), [(float("nan"), None), (-1.0, 0.0), (2.0, 1.0), (float("inf"), 1.0), (1, 1.0), (None, None)]
)
def test_any_number_is_progress(fraction: float | None, told: float | None) -> None:
    """A handler must not fail because of what it says of itself."""
    job = Job("probe", "probe.run", "a", "a")
    job.progress(fraction, "x" * 1000)
    assert job.told == (told, "x" * 200)
