"""Handlers that are plain functions, in threads."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest

from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Unavailable
from nightshift.worker.threads import HandlerThreads
from tests.harness import eventually

JOB = Job(service="test", type="test.run", id="1", key="1")


@pytest.fixture
def threads() -> Iterator[HandlerThreads]:
    """For two jobs at a time."""
    made = HandlerThreads(2)
    yield made
    made.close()


async def test_a_plain_function_does_not_block_the_event_loop(threads: HandlerThreads) -> None:
    """It runs elsewhere, in the context of its caller."""
    tenant = contextvars.ContextVar("tenant", default="")
    met: list[tuple[str, bool]] = []
    released = threading.Event()

    def handler(message: str, job: Job) -> None:
        met.append((tenant.get(), threading.current_thread() is threading.main_thread()))
        assert released.wait(10)
        job.result = message

    tenant.set("acme")
    running = asyncio.ensure_future(threads.handler(handler)("done", JOB))
    await eventually(lambda: met)
    released.set()
    await running
    assert (met, JOB.result) == ([("acme", False)], "done")


async def test_what_it_raises_is_raised(threads: HandlerThreads) -> None:
    """Outcomes and errors alike; what would end the process ends the job only."""

    def refuse(_message: str, _job: Job) -> None:
        raise Permanent("no such invoice")

    def leave(_message: str, _job: Job) -> None:
        raise SystemExit(3)

    with pytest.raises(Permanent, match="no such invoice"):
        await threads.handler(refuse)("", JOB)
    with pytest.raises(RuntimeError, match="the handler raised SystemExit"):
        await threads.handler(leave)("", JOB)


async def test_threads_are_used_again(threads: HandlerThreads) -> None:
    """What a thread keeps, such as a connection of its own, is there for the next job."""
    met: list[str] = []
    handler = threads.handler(lambda _message, _job: met.append(threading.current_thread().name))
    for _ in range(5):
        await handler("", JOB)
    assert len(set(met)) == 1


async def test_nothing_more_runs_while_as_many_as_there_are_slots_are_out_of_time(threads: HandlerThreads) -> None:
    """Cancelling ends the wait and not the thread; when they return at last, jobs run again."""
    released = threading.Event()

    def wait(_message: str, _job: Job) -> None:
        released.wait(20)

    stuck = threads.handler(wait)
    running = [asyncio.ensure_future(stuck("", JOB)) for _ in range(2)]
    await asyncio.sleep(0)
    await threads.probe()
    for one in running:
        one.cancel()
    ended = await asyncio.gather(*running, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 2
    with pytest.raises(Unavailable, match="2 handlers still run in threads after their time"):
        await stuck("", JOB)
    released.set()

    async def free() -> bool:
        try:
            await threads.probe()
        except Unavailable:
            return False
        return True

    await eventually(free)
    await threads.handler(lambda _message, _job: None)("", JOB)
