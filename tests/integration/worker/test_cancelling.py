"""Cancelling a job that a worker has: it is stopped, nothing of it is committed, and it does not come again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.contract.job_events import JobEvent
from nightshift.messaging.job import Handler, Job
from nightshift.messaging.job_watch import JobWatch
from nightshift.messaging.publisher import Entry
from nightshift.outcomes import Snooze
from nightshift.worker.router import Route, route
from tests.harness import RECORD, Harness, RunProbe, eventually
from tests.integration.worker.conftest import Work

pytestmark = pytest.mark.usefixtures("soon")
SECONDS = 20.0


class Desk:
    """A worker at work, and somebody who cancels its jobs."""

    def __init__(self, harness: Harness) -> None:
        self.harness, self.watch = harness, JobWatch(harness.connection, ["probe"])

    async def cancel(self, job_id: str = "a") -> JobEvent | None:
        """What is told of the job in answer."""
        return await self.watch.stop("probe.run", job_id, seconds=SECONDS)

    async def reasons(self) -> list[tuple[str, str]]:
        """Id and reason of each dead letter."""
        letters = await self.harness.stored("PROBE_DLQ")
        return [(letter.headers["Job-Id"], letter.headers["Dead-Reason"]) for letter in letters]


OpenDesk = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def desk(work: Work) -> OpenDesk:
    """Make a desk whose worker has this handler."""

    @asynccontextmanager
    async def opened(handler: Handler | Route, **options: Any) -> AsyncIterator[Desk]:
        async with work({RunProbe: handler}, **options) as harness:
            await harness.listen()
            desk = Desk(harness)
            await desk.watch.start()
            yield desk

    return opened


class Handling:
    """A handler that works until somebody interrupts it, and what it was heard of."""

    def __init__(self) -> None:
        self.running: list[str] = []

    async def __call__(self, message: RunProbe, job: Job) -> None:
        """Record an effect, and stay, but for those that are quick."""
        job.write(RECORD, {"action": message.name})
        job.enqueue(RunProbe(name=f"after {message.name}"))
        self.running.append(message.name)
        if message.name != "quick":
            await asyncio.sleep(60)

    async def has_begun(self, count: int = 1) -> None:
        """Wait until so many have begun."""
        await eventually(lambda: len(self.running) >= count, what="handlers have begun")


async def test_a_running_job_is_stopped_and_nothing_of_it_is_committed(desk: OpenDesk) -> None:
    """It is a dead letter with the reason `cancelled`, seen and redrivable; it does not come again by itself."""
    handler = Handling()
    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="long"), job_id="a", tenant="acme")
        await handler.has_begun()
        told = await at.cancel()
        assert told is not None
        assert (told.what, told.error, told.attempt, told.tenant) == ("dead", "cancelled", 1, "acme")
        assert await at.reasons() == [("a", "cancelled")]
        await at.harness.empty()
        assert (await at.harness.effects(), await at.harness.inbox(), await at.harness.outbox()) == ([], [], [])
        (letter,) = await at.harness.stored("PROBE_DLQ")
        assert letter.headers["Dead-Error"] == "it was cancelled while it ran"
        assert at.harness.outcomes() == {"dead": 1}
    assert handler.running == ["long"]


async def test_whoever_came_with_a_cancelled_job_goes_on(desk: OpenDesk) -> None:
    """Handlers that came together run in one task until one has to wait: only that one is cancelled."""
    handler = Handling()
    names = ["quick", "quick", "long", "quick", "stays", "quick"]
    async with desk(handler, slots=50) as at:
        jobs = [Entry(RunProbe(name=name), f"{number}") for number, name in enumerate(names)]
        await at.harness.publisher.publish_many(jobs)
        await handler.has_begun(len(names))
        told = await at.cancel("2")
        assert told is not None
        assert (told.id, told.what) == ("2", "dead")
        done = await eventually(lambda: _of_size(at.harness, 4), what="the quick ones are done")
        assert sorted(job_id for _, job_id in done) == ["0", "1", "3", "5"]
        assert "4" in {one.job.id for one in at.harness.parts.worker.running}
        assert await at.reasons() == [("2", "cancelled")]


async def _of_size(harness: Harness, count: int) -> list[tuple[str, str]]:
    found = [row for row in await harness.inbox() if len(row[1]) == 1]
    return found if len(found) >= count else []


async def _cancel_amid_the_commit(at: Desk, committing: asyncio.Event, go_on: asyncio.Event) -> JobEvent:
    """Publish a job, cancel it when its commit has begun, and let that go on; return what is told of its end."""
    await at.harness.publisher.publish(RunProbe(name="a"), job_id="a")
    await committing.wait()
    cancelling = asyncio.create_task(at.cancel())
    await eventually(lambda: any(one.stopped for one in at.harness.parts.worker.running), what="it is asked for")
    go_on.set()
    told = await cancelling
    assert told is not None
    return told


async def test_a_job_whose_commit_has_begun_is_not_cancelled(desk: OpenDesk) -> None:
    """It is done, exactly once, and whoever cancelled it is told so."""
    committing, go_on = asyncio.Event(), asyncio.Event()

    async def handler(_message: RunProbe, job: Job) -> None:
        async def step(_connection: AsyncConnection) -> None:
            committing.set()
            await go_on.wait()

        job.write(RECORD, {"action": "paid"})
        job.run_in_transaction(step)

    async with desk(handler) as at:
        told = await _cancel_amid_the_commit(at, committing, go_on)
        assert told.what == "done"
        assert (await at.harness.effects(), await at.reasons()) == (["paid"], [])


async def test_a_commit_that_fails_after_the_job_was_cancelled_is_not_tried_again(desk: OpenDesk) -> None:
    """Nothing was committed, so it is cancelled after all."""
    committing, go_on = asyncio.Event(), asyncio.Event()
    runs: list[int] = []

    async def handler(_message: RunProbe, job: Job) -> None:
        async def step(_connection: AsyncConnection) -> None:
            committing.set()
            await go_on.wait()
            raise ArithmeticError("not like this")

        runs.append(job.attempt)
        job.write(RECORD, {"action": "paid"})
        job.run_in_transaction(step)

    async with desk(handler) as at:
        told = await _cancel_amid_the_commit(at, committing, go_on)
        assert (told.what, told.error) == ("dead", "cancelled")
        (letter,) = await at.harness.dead_letters()
        assert "ArithmeticError: not like this" in letter.headers["Dead-Error"]
        assert (runs, await at.harness.effects()) == ([1], [])


async def test_a_delivery_that_has_not_begun_does_not_begin(desk: OpenDesk) -> None:
    """Such as a second one of the same job, which waits for the first."""
    handler = Handling()
    header = b"NATS/1.0\r\nJob-Id: a\r\n\r\n"
    async with desk(handler) as at:
        for _ in range(2):
            await at.harness.raw("jobs.probe.run", b'{"name":"long"}', header)
        await handler.has_begun()
        await eventually(lambda: at.harness.parts.worker.in_flight == 2, what="both deliveries are here")
        await at.cancel()
        letters = await at.harness.dead_letters(2)
        await at.harness.empty()
    assert sorted(letter.headers["Dead-Error"] for letter in letters) == [
        "it was cancelled before it ran",
        "it was cancelled while it ran",
    ]
    assert handler.running == ["long"]


@pytest.mark.parametrize("way", ["retry", "snooze"])
async def test_a_handler_that_answers_by_an_error_of_its_own_is_not_run_again(desk: OpenDesk, way: str) -> None:
    """Whatever it raises when it is cancelled: somebody does not want the job any more."""
    begun = asyncio.Event()
    runs: list[int] = []

    async def handler(_message: RunProbe, job: Job) -> None:
        runs.append(job.attempt)
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise (ConnectionError("aborted") if way == "retry" else Snooze(timedelta(milliseconds=1))) from None

    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="a"), job_id="a")
        await begun.wait()
        told = await at.cancel()
        assert told is not None
        assert (told.what, told.error) == ("dead", "cancelled")
        await at.harness.empty()
        assert await at.reasons() == [("a", "cancelled")]
    assert runs == [1]


async def test_a_handler_may_catch_its_cancellation_and_finish(desk: OpenDesk) -> None:
    """What it returns counts: it may have done what cannot be undone."""
    begun = asyncio.Event()

    async def handler(_message: RunProbe, job: Job) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            job.write(RECORD, {"action": "half of it"})

    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="a"), job_id="a")
        await begun.wait()
        told = await at.cancel()
        assert told is not None
        assert told.what == "done"
        assert (await at.harness.effects(), await at.reasons()) == (["half of it"], [])


async def test_two_who_cancel_at_once_get_the_same_answer(desk: OpenDesk) -> None:
    """And the handler is interrupted once: the second does not tear it out of what it gives back."""
    begun, cleaning, cleaned = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_message: RunProbe, _job: Job) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaning.set()
            await asyncio.sleep(0.2)
            cleaned.set()

    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="a"), job_id="a")
        await begun.wait()
        first = asyncio.create_task(at.cancel())
        await cleaning.wait()
        answers = await asyncio.gather(first, at.cancel())
        assert cleaned.is_set()
        assert [answer and (answer.what, answer.error) for answer in answers] == [("dead", "cancelled")] * 2
        assert await at.reasons() == [("a", "cancelled")]


async def test_the_last_attempt_of_a_job_without_an_inbox_is_cancelled_as_well(desk: OpenDesk) -> None:
    """Not as one that has failed too often."""
    handler = Handling()
    async with desk(route(RunProbe, handler, inbox=False)) as at:
        await at.harness.publisher.publish(RunProbe(name="long"), job_id="a", headers={"Job-Attempt-Base": "2"})
        await handler.has_begun()
        told = await at.cancel()
        assert told is not None
        assert (told.what, told.error, told.attempt) == ("dead", "cancelled", 3)


@pytest.mark.parametrize("job_id", ["möwe 17/ä>*", "x" * 300, "tab\tinside", "user:17:~a"])
async def test_a_job_of_any_id_can_be_cancelled(desk: OpenDesk, job_id: str) -> None:
    """By the id as it was published."""
    handler = Handling()
    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="long"), job_id=job_id)
        await handler.has_begun()
        told = await at.cancel(job_id)
        assert told is not None
        assert (told.what, told.error) == ("dead", "cancelled")


async def test_what_no_worker_has_is_not_answered(desk: OpenDesk) -> None:
    """Nor what is no request; the jobs that run go on."""
    handler = Handling()
    async with desk(handler) as at:
        await at.harness.publisher.publish(RunProbe(name="long"), job_id="a")
        await handler.has_begun()
        for body in (b"", b"{", b"\xff", b'{"id":7}', b"[" * 5000):
            await at.harness.raw("workers.cancel.probe.run", body)
        assert await at.cancel("other") is None
        assert (await at.reasons(), at.harness.parts.worker.in_flight) == ([], 1)
