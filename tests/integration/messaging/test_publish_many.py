"""Publishing many jobs: all or nothing, and completed without a double when the answer is lost."""

from collections.abc import Sequence

import pytest

from nightshift.broker import Connection, QueueFullError, batch
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.publisher import Entry, Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import RunProbe, probe_topology, stored


async def test_a_batch_that_does_not_fit_is_refused_whole(publisher: Publisher, connection: Connection) -> None:
    """A queue with room for some of them stores none."""
    await provision_broker(connection, probe_topology(StreamLimits(queue_bytes=20_000)))
    with pytest.raises(QueueFullError):
        await publisher.publish_many([RunProbe(name="x" * 4000) for _ in range(10)])
    assert await stored(connection, "PROBE") == []
    assert len(await publisher.publish_many([RunProbe(name="x" * 4000) for _ in range(3)])) == 3


@pytest.mark.parametrize("arrived", [True, False], ids=["the answer was lost", "the batch was lost"])
async def test_a_lost_answer_is_completed_singly_without_doubling(
    publisher: Publisher,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    arrived: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """Stored or not, after the retry every job is there exactly once."""
    atomic = batch._atomic

    async def lose(connection: Connection, messages: Sequence[OutboundMessage], timeout_seconds: float) -> list[Stored]:
        if arrived:
            await atomic(connection, messages, timeout_seconds)
        raise Unavailable("broker", "the answer was lost")

    monkeypatch.setattr(batch, "_atomic", lose)
    receipts = await publisher.publish_many([Entry(RunProbe(name="a"), job_id=f"{arrived}-{n}") for n in range(20)])
    messages = {message.sequence: message.headers["Job-Id"] for message in await stored(connection, "PROBE")}
    assert len(messages) == 20
    assert [messages[receipt.sequence] for receipt in receipts] == [receipt.job_id for receipt in receipts]
    assert {receipt.duplicate for receipt in receipts} == {arrived}
