"""A stand-in for the workers of a service: takes its jobs as workers do, and tells how each has ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from nats.errors import Error

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, JobEvents, What
from nightshift.instants import utc_now


@asynccontextmanager
async def workers(
    connection: Connection, outcome: Callable[[str], What], service: str = "email"
) -> AsyncIterator[list[str]]:
    """Work on jobs inside the block; yield the ids of those that ran. `outcome` says how the job of an id ends."""
    ran, stopped = list[str](), asyncio.Event()
    subscription = await connection.jetstream().pull_subscribe_bind(service, service.upper())

    async def work() -> None:
        while not stopped.is_set():  # a fetch may take a cancellation for its own timeout
            await asyncio.sleep(0.01)  # a fetch may fail at once
            with contextlib.suppress(TimeoutError, Error):  # also while the broker is away
                for message in await subscription.fetch(10, timeout=1):
                    job_id = (message.headers or {})[wire.JOB_ID]
                    ran.append(job_id)
                    event = JobEvent(type=wire.type_of(message.subject), id=job_id, what=outcome(job_id))
                    body = msgspec.json.encode(JobEvents(at=utc_now(), events=(event,)))
                    # As workers do, without waiting for an answer: one that is late would keep the job for a minute.
                    await connection.publish(wire.events_subject(service), body)
                    await message.ack()

    working = asyncio.create_task(work())
    try:
        yield ran
    finally:
        stopped.set()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await subscription.unsubscribe()
