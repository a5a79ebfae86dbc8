"""Every publisher, real and in memory, keeps the same rules."""

import pytest

from nightshift.broker import Connection, QueueFullError
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.testing import InMemoryPublisher
from tests.harness import RunProbe, stored
from tests.integration.messaging.rules import Kept, Published, PublisherRules


class TestBroker(PublisherRules):
    """The rules on a real broker."""

    @pytest.fixture
    def published(self, connection: Connection) -> Published:
        """What the broker's streams hold."""

        async def read() -> list[Kept]:
            messages = [*await stored(connection, "PROBE"), *await stored(connection, "PROBE_LATER")]
            return [Kept(message.subject, message.headers, message.body) for message in messages]

        return read


class TestInMemory(PublisherRules):
    """The rules on the publisher that tests use: so it may stand for the real one."""

    @pytest.fixture
    def publisher(self) -> Publisher:
        """A publisher in memory."""
        return InMemoryPublisher()

    @pytest.fixture
    def published(self, publisher: InMemoryPublisher) -> Published:
        """What it keeps."""

        async def read() -> list[Kept]:
            return [Kept(job.subject, dict(job.headers), job.body) for job in publisher.published]

        return read


async def test_an_outage_or_a_refusal_can_be_asked_for() -> None:
    """A test sees what its code does when the broker is unavailable, or a queue is full."""
    publisher = InMemoryPublisher()
    publisher.unavailable = "unplugged"
    with pytest.raises(Unavailable, match="unplugged"):
        await publisher.publish(RunProbe(name="a"))
    publisher.unavailable, publisher.refusal = "", QueueFullError("jobs.probe.run", 10077, "full")
    with pytest.raises(QueueFullError):
        await publisher.publish_many([RunProbe(name="a"), RunProbe(name="b")])
    assert publisher.published == []
