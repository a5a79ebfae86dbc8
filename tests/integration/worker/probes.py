"""The handler that most tests of the worker use, and the question whether the worker still works."""

from nightshift.broker.jetstream import store
from nightshift.contract.message import Message
from nightshift.messaging.job import Job
from tests.harness import RECORD, Harness, RunProbe

GOOD = b'{"name":"good"}'


async def record(message: RunProbe, job: Job) -> None:
    """Leaves one effect."""
    job.write(RECORD, {"action": message.name})


async def never(_: Message, _job: Job) -> None:
    """Is not called."""
    raise AssertionError("this handler is not to be called")


async def still_works(harness: Harness) -> None:
    """The next good job is done by the same worker on the same connection."""
    await store(harness.connection, "jobs.probe.run", {"Job-Id": "good"}, GOOD)
    await harness.empty()
    assert "good" in await harness.effects()
    assert harness.connection.stats["reconnects"] == 0
