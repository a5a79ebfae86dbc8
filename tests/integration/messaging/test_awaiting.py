"""Awaiting what a job returns, with nothing but a connection: the result, or how it ended otherwise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.awaiting import JobDeadError, JobNotOverError, JobResultError
from nightshift.messaging.in_memory import InMemoryPublisher
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Permanent, Skip
from tests.harness import SOON, Harness, RunProbe, connected, working

SECONDS = 20.0


class Counted(msgspec.Struct):
    """What the probe returns."""

    number: int
    attempt: int


async def handler(message: RunProbe, job: Job) -> None:
    """Do what the message's name says."""
    match message.name:
        case "fail" if job.attempt == 1:
            raise ConnectionError("not today")
        case "refuse":
            raise Permanent("never")
        case "skip":
            raise Skip
        case "nothing":
            return
        case "stay":
            await asyncio.sleep(60)
    job.result = {"number": message.number, "attempt": job.attempt}


@pytest.fixture
async def worker(broker: Broker, tmp_path: Path) -> AsyncIterator[Harness]:
    """A worker of the probe's jobs."""
    async with working(broker, None, tmp_path, {RunProbe: handler}, slots=200, policies=SOON) as harness:
        await harness.listen()
        yield harness


@pytest.fixture
async def publisher(broker: Broker, worker: Harness) -> AsyncIterator[Publisher]:
    """A producer, with a connection of its own and no database."""
    del worker
    async with connected(broker, "web") as connection:
        yield Publisher(connection)


async def test_a_caller_gets_what_the_job_returned(publisher: Publisher) -> None:
    """As the type that it names; a failed attempt in between is no end."""
    for name, attempt in (("work", 1), ("fail", 2)):
        result = await publisher.publish_and_wait(RunProbe(name=name, number=7), Counted, timeout_seconds=SECONDS)
        assert result == Counted(7, attempt)
    plain = await publisher.publish_and_wait(RunProbe(name="work", number=8), timeout_seconds=SECONDS)
    assert plain == {"number": 8, "attempt": 1}


@pytest.mark.parametrize("name", ["skip", "nothing"])
async def test_a_job_without_a_result_returns_none(publisher: Publisher, name: str) -> None:
    """Also one that had nothing to do."""
    assert await publisher.publish_and_wait(RunProbe(name=name), timeout_seconds=SECONDS) is None


async def test_a_job_that_is_given_up_on_raises(publisher: Publisher) -> None:
    """With the reason of its dead letter."""
    with pytest.raises(JobDeadError, match="given up on at attempt 1: permanent") as dead:
        await publisher.publish_and_wait(RunProbe(name="refuse"), Counted, timeout_seconds=SECONDS)
    assert (dead.value.reason, dead.value.job_type) == ("permanent", "probe.run")


async def test_a_job_that_is_not_over_in_time_raises_and_runs_on(publisher: Publisher, worker: Harness) -> None:
    """It says what was heard last; it is a TimeoutError, as callers expect."""
    with pytest.raises(JobNotOverError, match=r"not over after 2.5 s; last told: started, attempt 1") as late:
        await publisher.publish_and_wait(RunProbe(name="stay"), Counted, timeout_seconds=2.5)
    assert isinstance(late.value, TimeoutError)
    assert worker.parts.worker.in_flight == 1


@pytest.mark.parametrize("job_id", ["order-17", "möwe 17/ä>*", "x" * 300])
async def test_the_same_id_again_returns_what_it_returned(publisher: Publisher, worker: Harness, job_id: str) -> None:
    """Whether the broker drops the second one, or its worker finds it done."""

    async def call(number: int) -> Counted:
        message = RunProbe(name="work", number=number)
        result: Counted = await publisher.publish_and_wait(message, Counted, job_id=job_id, timeout_seconds=SECONDS)
        return result

    first, again = await call(1), await call(2)
    await publisher.publish_later(RunProbe(name="work", number=3), delay=timedelta(0), job_id=job_id)
    await worker.empty()
    assert (first, again, await call(4)) == (Counted(1, 1), first, first)


async def test_what_is_not_what_was_expected_is_told_by_its_field(publisher: Publisher) -> None:
    """The job is done all the same."""
    with pytest.raises(JobResultError, match="returned something else: Expected `int`, got `null`"):
        await publisher.publish_and_wait(RunProbe(name="nothing"), int, timeout_seconds=SECONDS)


async def test_many_wait_at_once(publisher: Publisher) -> None:
    """Each for its own."""
    jobs = [RunProbe(name="work", number=number) for number in range(200)]
    results = await asyncio.gather(*(publisher.publish_and_wait(job, Counted, timeout_seconds=SECONDS) for job in jobs))
    assert [result.number for result in results] == list(range(200))


async def test_an_event_that_is_lost_is_made_up_for(publisher: Publisher, worker: Harness) -> None:
    """A worker that dies takes its last news with it: the ledger has the result."""
    connection = worker.connection
    connection.send = _without_events(connection.send)  # type: ignore[method-assign]  # loses what is told
    result = await publisher.publish_and_wait(RunProbe(name="work", number=5), Counted, timeout_seconds=SECONDS)
    assert result == Counted(5, 1)


def _without_events(send: Callable[..., None]) -> Callable[..., None]:
    def sent(subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        if not subject.startswith(b"events."):
            send(subject, body, reply, header)

    return sent


async def test_what_is_no_question_is_not_answered(publisher: Publisher, worker: Harness) -> None:
    """And does no harm."""
    for body in (b"", b"{", b"\xff", b'{"id":7}', b"[" * 5000):
        await worker.raw("workers.find.probe.run", body)
        await worker.raw("workers.found.probe.run", body)
    assert await publisher.publish_and_wait(RunProbe(name="nothing"), timeout_seconds=SECONDS) is None


async def test_without_a_worker_it_says_that_nothing_was_heard(broker: Broker, worker: Harness) -> None:
    """And what this user needs to hear anything."""
    await worker.parts.worker.drain(0)
    async with connected(broker, "web") as connection:
        with pytest.raises(JobNotOverError, match=r"nothing was heard of it \(may this user hear events\.probe and"):
            await Publisher(connection).publish_and_wait(RunProbe(name="work"), timeout_seconds=0.3)


async def test_a_publisher_in_memory_returns_what_a_test_says() -> None:
    """Or raises it."""
    publisher = InMemoryPublisher()
    assert await publisher.publish_and_wait(RunProbe(name="a"), timeout_seconds=1) is None
    publisher.results["probe.run"] = {"number": 1, "attempt": 1}
    assert await publisher.publish_and_wait(RunProbe(name="a"), Counted, timeout_seconds=1) == Counted(1, 1)
    publisher.results["probe.run"] = JobDeadError("probe.run", "a", "permanent", 1)
    with pytest.raises(JobDeadError):
        await publisher.publish_and_wait(RunProbe(name="a"), timeout_seconds=1)
    assert len(publisher.published) == 3
