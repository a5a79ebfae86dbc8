"""Publishing a job for later: it fires on time, once, can be replaced and cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightshift.broker import Connection
from nightshift.messaging.publisher import Publisher
from tests.harness import RunProbe, eventually, stored


async def _due(connection: Connection, count: int) -> list[bytes]:
    """The bodies of the jobs that have become due, once there are so many."""

    async def enough() -> list[bytes]:
        bodies = [message.body for message in await stored(connection, "PROBE_LATER", "due.probe.>")]
        return bodies if len(bodies) >= count else []

    bodies: list[bytes] = await eventually(enough, what=f"{count} jobs are due")
    return bodies


async def test_it_fires_when_its_time_has_come_and_not_before(publisher: Publisher, connection: Connection) -> None:
    """Given as a delay or as an instant in any zone, within a second of its time; its id goes along."""
    asked = datetime.now(UTC)
    zone: Any = datetime.now().astimezone().tzinfo
    await publisher.publish_later(RunProbe(name="delay"), delay=timedelta(seconds=0.5), job_id="a")
    await publisher.publish_later(RunProbe(name="instant"), at=(asked + timedelta(seconds=0.5)).astimezone(zone))
    assert await stored(connection, "PROBE_LATER", "due.>") == []
    await _due(connection, 2)
    assert timedelta(seconds=0.5) <= datetime.now(UTC) - asked < timedelta(seconds=5)
    fired = await stored(connection, "PROBE_LATER")
    assert {message.subject for message in fired} == {"due.probe.run"}
    assert "a" in {message.headers["Job-Id"] for message in fired}


@pytest.mark.parametrize(
    "when",
    [
        {"delay": timedelta(0)},
        {"delay": timedelta(days=-400)},
        {"at": datetime(2001, 1, 1, tzinfo=UTC)},
        {"at": datetime(1600, 1, 1, tzinfo=UTC)},
        {"at": datetime.min.replace(tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_time_in_the_past_fires_at_once(
    publisher: Publisher, connection: Connection, when: dict[str, Any]
) -> None:
    """Also one that the broker's clock cannot count, which it would never fire."""
    await publisher.publish_later(RunProbe(name="past"), **when)
    await _due(connection, 1)


@pytest.mark.parametrize(
    "when",
    [
        {"delay": timedelta(days=3650)},
        {"delay": timedelta(days=200_000)},
        {"delay": timedelta.max},
        {"at": datetime(2300, 1, 1, tzinfo=UTC)},
        {"at": datetime.max.replace(tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_delay_may_be_of_any_length(publisher: Publisher, connection: Connection, when: dict[str, Any]) -> None:
    """Also one beyond what the broker's clock can count, which it would fire at once."""
    await publisher.publish_later(RunProbe(name="far"), **when, job_id="far")
    await publisher.publish_later(RunProbe(name="near"), delay=timedelta(0))
    await _due(connection, 1)
    assert [message.body for message in await stored(connection, "PROBE_LATER", "later.>")] == [
        b'{"name":"far","number":0}'
    ]


async def test_the_same_id_again_replaces_it(publisher: Publisher, connection: Connection) -> None:
    """One job fires, with the newer body at the newer time."""
    await publisher.publish_later(RunProbe(name="old"), delay=timedelta(days=9), job_id="one")
    again = await publisher.publish_later(RunProbe(name="new"), delay=timedelta(seconds=0.2), job_id="one")
    assert not again.duplicate
    assert await _due(connection, 1) == [b'{"name":"new","number":0}']
    assert await stored(connection, "PROBE_LATER", "later.>") == []


async def test_a_job_that_has_become_due_cannot_be_cancelled(publisher: Publisher, connection: Connection) -> None:
    """Cancel says so instead of pretending."""
    await publisher.publish_later(RunProbe(name="a"), delay=timedelta(0), job_id="gone")
    await _due(connection, 1)
    assert await publisher.cancel("probe.run", "gone") is False
