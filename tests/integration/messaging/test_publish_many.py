"""Publishing many jobs: all or nothing, and completed without a double when the answer is lost."""

from collections.abc import Sequence
from typing import ClassVar

import pytest

from nightshift.broker import Connection, QueueFullError, batch
from nightshift.broker.batch import DuplicateInBatchError
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.contract.message import Message
from nightshift.messaging.publisher import Entry, Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import FollowProbe, RunProbe, probe_topology, stored


class OtherRun(Message):
    """A job of another service."""

    SUBJECT: ClassVar[str] = "jobs.other.run"


async def test_each_job_gets_its_own_receipt(publisher: Publisher, connection: Connection) -> None:
    """In order, with the sequence at which the broker has it; types of one service may be mixed."""
    receipts = await publisher.publish_many(
        [RunProbe(name="a"), Entry(FollowProbe(name="b"), job_id="mine"), RunProbe(name="c")]
    )
    messages = {message.sequence: message for message in await stored(connection, "PROBE")}
    assert [messages[receipt.sequence].headers["Job-Id"] for receipt in receipts] == [
        receipt.job_id for receipt in receipts
    ]
    assert [receipt.subject for receipt in receipts] == ["jobs.probe.run", "jobs.probe.follow", "jobs.probe.run"]
    assert receipts[1].job_id == "mine"
    assert messages[receipts[2].sequence].body == b'{"name":"c","number":0}'


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
async def test_up_to_a_thousand_travel_together(publisher: Publisher, connection: Connection, count: int) -> None:
    """None is no error, one needs no batch, a thousand is the broker's own limit."""
    receipts = await publisher.publish_many([RunProbe(name=str(number)) for number in range(count)])
    assert len({receipt.sequence for receipt in receipts}) == count
    assert len(await stored(connection, "PROBE")) == count


@pytest.mark.parametrize(
    "entries",
    [[RunProbe(name="a")] * 1001, [RunProbe(name="a"), OtherRun()]],
    ids=["more than a thousand", "two services"],
)
async def test_what_cannot_be_one_batch_is_refused(
    publisher: Publisher, connection: Connection, entries: Sequence[Message]
) -> None:
    """All or nothing is a promise of one stream."""
    with pytest.raises(ValueError, match="at most 1000 jobs of one service"):
        await publisher.publish_many(entries)
    assert await stored(connection, "PROBE") == []


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_an_id_that_is_known_refuses_the_whole_batch(
    publisher: Publisher, connection: Connection, place: int
) -> None:
    """Nothing of it is stored, wherever the duplicate stands, and the error says what it is."""
    await publisher.publish(RunProbe(name="there"), job_id=f"known-{place}")
    entries = [Entry(RunProbe(name=str(number)), job_id=f"{place}-{number}") for number in range(3)]
    entries[place] = Entry(RunProbe(name="again"), job_id=f"known-{place}")
    with pytest.raises(DuplicateInBatchError):
        await publisher.publish_many(entries)
    assert len(await stored(connection, "PROBE")) == 1


async def test_an_id_twice_in_one_batch_refuses_it(publisher: Publisher, connection: Connection) -> None:
    """The caller has made a mistake: nothing is stored."""
    with pytest.raises(DuplicateInBatchError):
        await publisher.publish_many(
            [Entry(RunProbe(name="a"), job_id="twice"), Entry(RunProbe(name="b"), job_id="twice")]
        )
    assert await stored(connection, "PROBE") == []


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
