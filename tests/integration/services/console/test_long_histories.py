"""What was told of a job is found among much that was told of others, by few requests."""

import httpx
import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.cli.queries.job_history import History, read_back
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, JobEvents
from nightshift.embedded.servers.broker import Broker
from nightshift.instants import utc_now
from nightshift.topology.event_stream import EVENTS_STREAM
from tests.harness import eventually

OTHERS, AT_ONCE = 20_000, 2_000


@pytest.fixture(scope="module")
async def told(operator: Connection) -> Connection:
    """Of one job first, then of others of its type close together, then of another service, and of its type again."""
    await _tell(operator, "email", "sought")
    await _tell(operator, "email", "other", 1_500)
    await _tell(operator, "report", "other", OTHERS)
    await _tell(operator, "email", "sought")
    await _tell(operator, "report", "other", OTHERS)
    return operator


async def _tell(connection: Connection, service: str, job_id: str, times: int = 1) -> None:
    job = JobEvent(type=f"{service}.send", id=job_id, what="retry", attempt=1)
    subject, body = wire.events_subject(service).encode(), msgspec.json.encode(JobEvents(at=utc_now(), events=(job,)))
    for first in range(0, times, AT_ONCE):
        there = await _stored(connection) + min(AT_ONCE, times - first)
        for _ in range(min(AT_ONCE, times - first)):
            connection.send(subject, body)
        await eventually(lambda: _holds(connection, there), what="all of it is stored")  # noqa: B023 - awaited here


async def _holds(connection: Connection, messages: int) -> bool:
    return await _stored(connection) >= messages


async def _stored(connection: Connection) -> int:
    return int((await manage(connection, f"STREAM.INFO.{EVENTS_STREAM}"))["state"]["messages"])


async def _received(broker: Broker) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return int((await client.get(f"{broker.monitoring_url}/varz")).json()["in_msgs"])


async def _read(connection: Connection, before: int | None = None) -> History:
    return await read_back(connection, "email.send", "sought", seconds=10, before=before)


async def test_what_others_told_is_passed_over(told: Connection, broker: Broker) -> None:
    """Were it read 500 at a time, that alone would be eighty requests."""
    before = await _received(broker)
    found = await _read(told)
    assert ([one.event.id for one in found.told], found.rest) == (["sought", "sought"], None)
    assert await _received(broker) - before < 40


async def test_reading_goes_on_where_it_ended(told: Connection) -> None:
    """Step by step it finds the same, each once."""
    found, before = list[int](), None
    while True:
        history = await read_back(told, "email.send", "sought", seconds=0, before=before)
        found += [history.first] * len(history.told)
        if history.rest is None:
            break
        assert before is None or history.rest < before
        before = history.rest
    assert len(found) == 2
    assert found == sorted(found, reverse=True)
