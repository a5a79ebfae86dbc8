"""What a job costs: every operation of broker and database is counted, so that none comes in unnoticed."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip
from nightshift.worker.router import route
from tests.harness import FollowProbe, Handlers, Harness, RunProbe
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import record

CHEAPEST = {"acknowledge": 1}
COMMITTED = {"acknowledge": 1, "ask the database": 1, "commit": 1}


async def nothing(_message: RunProbe, _job: Job) -> None:
    """Do nothing."""


async def skip(_message: RunProbe, _job: Job) -> None:
    """Skip the job."""
    raise Skip


async def enqueue(_message: RunProbe, job: Job) -> None:
    """Enqueue a follow-up, which nobody runs within the test."""
    job.enqueue(FollowProbe(name="next"), at=datetime.now(UTC) + timedelta(days=1))


async def refuse(_message: RunProbe, _job: Job) -> None:
    """Give up."""
    raise Permanent("never")


async def fail(_message: RunProbe, _job: Job) -> None:
    """Fail."""
    raise LookupError


def _count(harness: Harness) -> Counter[str]:
    """Count from now on what the worker sends to the broker, and what it does with the database.

    Requests for jobs and tellings of events are not a job's own: each is about many, ten a second at the most.
    """
    counts = Counter[str]()
    connection, database = harness.connection, harness.database
    send = connection.send

    def counted_send(subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        if not subject.startswith((b"$JS.API.CONSUMER.MSG.NEXT.", b"events.")):
            kind = "acknowledge" if subject.startswith(b"$JS.ACK.") else f"publish {subject.decode().split('.')[0]}"
            counts[kind] += 1
        send(subject, body, reply, header)

    send_empty = connection.send_empty

    def counted_acknowledgements(subjects: Sequence[bytes]) -> None:
        counts["acknowledge"] += len(subjects)
        send_empty(subjects)

    connection.send = counted_send  # type: ignore[method-assign]  # listens to what the worker sends
    connection.send_empty = counted_acknowledgements  # type: ignore[method-assign]
    for name, what in (("ask", "ask the database"), ("commit", "commit"), ("read", "read"), ("write", "write")):
        setattr(database, name, _counted(getattr(database, name), counts, what))
    return counts


def _counted(call: Callable[..., Any], counts: Counter[str], what: str) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        counts[what] += 1
        return call(*arguments)

    return counted


@pytest.mark.parametrize(
    ("handlers", "costs"),
    [
        ({RunProbe: route(RunProbe, nothing, inbox=False)}, CHEAPEST),
        ({RunProbe: nothing}, COMMITTED),
        ({RunProbe: record}, COMMITTED),
        ({RunProbe: skip}, COMMITTED),
        ({RunProbe: enqueue}, COMMITTED | {"ask the database": 2, "commit": 2, "publish later": 1}),
        ({RunProbe: refuse}, {"acknowledge": 1, "ask the database": 2, "publish dead": 1}),
        ({RunProbe: fail}, {"acknowledge": 1, "ask the database": 1, "publish later": 1}),
        ({}, {"acknowledge": 1, "publish later": 1}),
    ],
    ids=["without inbox", "plain", "one row", "skipped", "follow-up", "dead letter", "retry", "unknown type"],
)
async def test_a_job_costs_no_more_than_it_needs(work: Work, handlers: Handlers, costs: dict[str, int]) -> None:
    """A first delivery, alone; a step that its route does not use costs nothing."""
    async with work(handlers, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.database.probe()  # as at the start of a worker
        counts = _count(harness)
        await harness.parts.worker.start(harness.parts.pulls[:1])
        await harness.settled(1)
        assert counts == costs


async def test_a_duplicate_is_looked_up_once(work: Work) -> None:
    """And its outbox, for what its first worker may have left there."""
    async with work({RunProbe: nothing}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.parts.worker.start(harness.parts.pulls[:1])
        await harness.settled(1)
        await harness.database.probe()  # as at the start of a worker
        counts = _count(harness)
        await harness.raw("jobs.probe.run", b'{"name":"a"}', b"NATS/1.0\r\nJob-Id: one\r\n\r\n")
        await harness.settled(2)
        del counts["publish jobs"]  # the test's own
        assert counts == {"acknowledge": 1, "ask the database": 2}
