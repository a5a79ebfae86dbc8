"""Follow-up jobs exist exactly once, and if and only if their parent commits."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from nightshift.broker import BrokerRefusedError, QueueFullError
from nightshift.broker.jetstream import manage, store
from nightshift.broker.message import OutboundMessage
from nightshift.contract.message import Message
from nightshift.contract.wire import safe_token
from nightshift.database.tables import outbox
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.outcomes import Permanent, Snooze, Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import Topology, topology
from nightshift.worker.commit import Committer
from nightshift.worker.policies import JobLimits, Policies
from tests.harness import FollowProbe, Harness, RunProbe, count, eventually
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import GOOD, never

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARENT = b'{"name":"parent"}'


class Followed:
    """The handler of follow-up jobs; `jobs` holds those that it has run."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, str]] = []

    async def __call__(self, message: FollowProbe, job: Job) -> None:
        """Notes name and id."""
        self.jobs.append((message.name, job.id))


async def two(_: RunProbe, job: Job) -> None:
    """Enqueues two follow-up jobs."""
    job.enqueue(FollowProbe(name="first"))
    job.enqueue(FollowProbe(name="second"), job_id="chosen")


def _parent(*names: str) -> Job:
    job = Job("probe", "probe.run", "parent", "parent")
    for name in names:
        job.enqueue(FollowProbe(name=name))
    return job


async def _deliver(harness: Harness, body: bytes = PARENT) -> None:
    await store(harness.connection, "jobs.probe.run", {"Job-Id": "parent"}, body)


async def test_follow_ups_are_done_once_and_forgotten(work: Work) -> None:
    """Their ids follow from the parent's, unless the handler chose one; nothing stays in the outbox."""
    followed = Followed()
    async with work({RunProbe: two, FollowProbe: followed}) as harness:
        await _deliver(harness)
        await harness.empty()
        first, second = sorted(followed.jobs)
        assert re.fullmatch(r"probe/probe\.run/parent/0/[0-9a-f]{16}", first[1])
        assert second == ("second", "chosen")
        assert await harness.outbox() == []
        assert len(await harness.inbox()) == 3


async def test_a_follow_up_carries_the_trace_on(work: Work) -> None:
    """Whoever looks at the trace sees parent and child together."""
    async with work({RunProbe: two}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "parent", "traceparent": TRACE}, PARENT)
        await eventually(lambda: harness.outcomes("probe.follow").get("retry") == 2)
        assert {waiting.headers["traceparent"] for waiting in await harness.stored("PROBE_LATER")} == {TRACE}


async def test_two_parents_with_one_chosen_id_have_one_follow_up(work: Work) -> None:
    """The chosen id is the identity of the work, whoever asks for it."""
    followed = Followed()
    async with work({RunProbe: two, FollowProbe: followed}) as harness:
        await harness.publisher.publish_many([RunProbe(name="a"), RunProbe(name="b")])
        await harness.empty()
        assert sorted(name for name, _ in followed.jobs) == ["first", "first", "second"]


@pytest.mark.parametrize("outcome", [Permanent("no"), Snooze(timedelta(hours=1)), Unavailable("x", "y"), LookupError()])
async def test_a_parent_that_does_not_return_leaves_no_follow_ups(work: Work, outcome: Exception) -> None:
    """Every outcome but return rolls back effects and outbox."""

    async def run_probe(message: RunProbe, job: Job) -> None:
        await two(message, job)
        raise outcome

    async with work({RunProbe: run_probe, FollowProbe: never}) as harness:
        await _deliver(harness)
        await eventually(lambda: sum(harness.outcomes().values()) == 1)
        assert await harness.outbox() == []
        assert await count(harness.connection, "PROBE") == 0
        assert {waiting.subject for waiting in await harness.stored("PROBE_LATER")} <= {"later.probe.run.parent"}


async def test_a_delayed_follow_up_waits_for_its_time(work: Work) -> None:
    """`at` makes it a schedule."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="tomorrow"), at=datetime.now(UTC) + timedelta(days=1), job_id="t")
        job.enqueue(FollowProbe(name="in a moment"), at=datetime.now(UTC) + timedelta(seconds=0.3), job_id="m")

    followed = Followed()
    async with work({RunProbe: run_probe, FollowProbe: followed}) as harness:
        await _deliver(harness)
        await eventually(lambda: followed.jobs)
        assert followed.jobs == [("in a moment", "m")]
        assert [waiting.subject for waiting in await harness.stored("PROBE_LATER", "later.>")] == [
            "later.probe.follow.t"
        ]


async def test_more_follow_ups_than_a_page_are_all_published(work: Work) -> None:
    """The outbox is read in pages until it is empty."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        for number in range(250):
            job.enqueue(FollowProbe(name=str(number)))

    followed = Followed()
    async with work({RunProbe: run_probe, FollowProbe: followed}) as harness:
        await _deliver(harness)
        await harness.empty()
        assert len(followed.jobs) == 250
        assert await harness.outbox() == []


async def test_a_worker_that_dies_after_the_commit_leaves_the_follow_ups_to_the_next(work: Work) -> None:
    """The next delivery finds the inbox row, does not run the handler, and publishes what the outbox holds."""
    followed = Followed()
    async with work({RunProbe: never, FollowProbe: followed}, start=False) as harness:
        assert await Committer(harness.database).commit(_parent("left"))
        assert await harness.outbox() == ["jobs.probe.follow"]
        await harness.parts.worker.start(harness.parts.pulls)
        await _deliver(harness)
        await harness.empty()
        assert harness.outcomes() == {"duplicate": 1}
        assert [name for name, _ in followed.jobs] == ["left"]
        assert await harness.outbox() == []


async def test_a_worker_that_dies_after_the_publish_causes_no_second_follow_up(work: Work) -> None:
    """Published but not forgotten: it is published again with the same id and done once."""
    followed = Followed()
    async with work({RunProbe: never, FollowProbe: followed}, start=False) as harness:
        await Committer(harness.database).commit(_parent("left"))
        async with harness.database.read() as connection:
            (headers,) = (await connection.execute(select(outbox.c.headers))).scalars()
        await harness.publisher.publish(FollowProbe(name="left"), job_id=headers["Job-Id"])
        await harness.parts.worker.start(harness.parts.pulls)
        await _deliver(harness)
        await harness.empty()
        assert [name for name, _ in followed.jobs] == ["left"]


async def test_a_zombie_publishes_before_it_would_be_a_dead_letter(work: Work) -> None:
    """A job whose effect exists is done, whatever its copy in hand looks like: no dead letter, no follow-up lost."""
    followed = Followed()
    async with work({RunProbe: never, FollowProbe: followed}, start=False) as harness:
        await Committer(harness.database).commit(_parent("left"))
        await harness.parts.worker.start(harness.parts.pulls)
        await _deliver(harness, b"not JSON any more")
        await harness.empty()
        assert harness.outcomes() == {"duplicate": 1}
        assert [name for name, _ in followed.jobs] == ["left"]
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.usefixtures("soon")
async def test_after_the_commit_a_parent_can_only_wait(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the broker does not take its follow-up, it holds on; it is not run again, and pulling stops meanwhile."""
    refusals, ran = 2, 0
    away: list[list[str]] = []
    followed = Followed()

    async def run_probe(message: RunProbe, job: Job) -> None:
        nonlocal ran
        ran += 1
        job.enqueue(FollowProbe(name=message.name))

    async with work({RunProbe: run_probe, FollowProbe: followed}) as harness:
        store_in_truth = harness.publisher.store

        async def refuse(message: OutboundMessage) -> Any:
            nonlocal refusals
            away.append(harness.parts.circuit.unavailable)
            if message.subject == "jobs.probe.follow" and refusals:
                refusals -= 1
                raise Unavailable("broker", "a test")
            return await store_in_truth(message)

        monkeypatch.setattr(harness.publisher, "store", refuse)
        await _deliver(harness)
        await harness.empty()
        assert (ran, refusals) == (1, 0)
        assert away[:2] == [[], ["broker"]]
        assert [name for name, _ in followed.jobs] == ["parent"]
        assert harness.outcomes() == {"done": 1}


async def test_a_follow_up_whose_queue_is_full_goes_by_way_of_later(work: Work) -> None:
    """The parent is not held up, and the follow-up waits where there is no limit."""
    policies = Policies(refused_follow_up=timedelta(hours=1))

    async def run_probe(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="after"))

    async with work({RunProbe: run_probe, FollowProbe: never}, start=False, policies=policies) as harness:
        await _deliver(harness)
        config = (await manage(harness.connection, "STREAM.INFO.PROBE"))["config"]
        await manage(harness.connection, "STREAM.UPDATE.PROBE", {**config, "max_msgs": 1})
        with pytest.raises(QueueFullError):
            await harness.publisher.publish(FollowProbe(name="one too many"))
        await harness.parts.worker.start(harness.parts.pulls)
        await eventually(lambda: harness.outcomes() == {"done": 1})
        assert await harness.outbox() == []
        (waiting,) = await harness.stored("PROBE_LATER")
        assert waiting.headers["Job-Id"].startswith("probe/probe.run/parent/0/")
        assert waiting.subject == f"later.probe.follow.{safe_token(waiting.headers['Job-Id'])}"
        assert "Nats-Msg-Id" not in waiting.headers


async def test_the_relay_publishes_what_nobody_came_back_for(work: Work) -> None:
    """Rows older than a minute, also what no job wrote for its queue; younger ones are their worker's business."""
    followed = Followed()
    async with work({FollowProbe: followed}) as harness:
        await Committer(harness.database).commit(_parent("old", "young"))
        now = datetime.now(UTC)
        async with harness.database.write() as connection:
            await connection.execute(
                update(outbox).where(outbox.c.id.endswith("/0")).values(created_at=now - timedelta(seconds=61))
            )
            await connection.execute(insert(outbox), _row_of_the_gateway(now - timedelta(hours=1)))
        assert await Outbox("other", harness.database, harness.publisher).relay(now) == 0
        assert await Outbox("probe", harness.database, harness.publisher).relay(now) == 2
        await harness.empty()
        assert sorted(name for name, _ in followed.jobs) == ["by the gateway", "old"]
        assert await harness.outbox() == ["jobs.probe.follow"]


def _row_of_the_gateway(at: datetime) -> dict[str, Any]:
    return {
        "id": "gateway/1",
        "consumer": "gateway",
        "subject": "jobs.probe.follow",
        "body": b'{"name":"by the gateway"}',
        "headers": {"Job-Id": "g1", "Nats-Msg-Id": "probe.follow/g1"},
        "created_at": at,
    }


@pytest.mark.usefixtures("soon")
async def test_a_follow_up_that_cannot_be_published_fails_its_parent(work: Work) -> None:
    """Found out before the commit, it is a failed attempt; afterwards it could neither be done nor given up."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name="after"), job_id="x" * 600_000)

    async with work({RunProbe: run_probe}, limits=JobLimits(0, 60.0)) as harness:
        await store(harness.connection, "jobs.probe.run", {}, GOOD)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "attempts-exhausted"
        assert "jobs.probe.follow" in letter.headers["Dead-Error"]
        assert await harness.inbox() == []
        assert await harness.outbox() == []


class RunOther(Message):
    """A job of another service."""

    SUBJECT: ClassVar[str] = "jobs.other.run"


async def _with_other(harness: Harness, **options: Any) -> None:
    """Give the broker the queue of another service, empty."""
    for name in ("OTHER", "OTHER_LATER", "OTHER_DLQ"):
        with contextlib.suppress(BrokerRefusedError):
            await manage(harness.connection, f"STREAM.DELETE.{name}")
    declared = topology(["other.run"], {})
    streams = tuple(
        replace(stream, options={**stream.options, **options}) if stream.name == "OTHER" else stream
        for stream in declared.streams
        if stream.name.startswith("OTHER")
    )
    await provision_broker(harness.connection, Topology(streams=streams, consumers=declared.consumers))


async def test_what_is_for_later_at_another_service_is_left_to_that_service(work: Work) -> None:
    """Only a service itself publishes to its stream of schedules: whoever may can erase it by a header."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        job.enqueue(RunOther(), job_id="for-later", at=datetime(2100, 1, 1, tzinfo=UTC))

    async with work({RunProbe: run_probe}) as harness:
        await _with_other(harness)
        await _deliver(harness)
        await harness.empty()
        assert harness.outcomes() == {"done": 1}
        assert await harness.outbox() == ["later.other.run.for-later"]
        now = datetime.now(UTC)
        assert await Outbox("probe", harness.database, harness.publisher).relay(now + timedelta(hours=1)) == 0
        assert await Outbox("other", harness.database, harness.publisher).relay(now) == 1
        (waiting,) = await harness.stored("OTHER_LATER")
        assert waiting.subject == "later.other.run.for-later"
        assert await harness.outbox() == []


async def test_a_follow_up_that_another_services_queue_refuses_is_left_to_that_service(work: Work) -> None:
    """The parent is acknowledged; the other service's relay takes the way by its own stream for later."""

    async def run_probe(_: RunProbe, job: Job) -> None:
        job.enqueue(RunOther())

    async with work({RunProbe: run_probe}) as harness:
        await _with_other(harness, max_msgs=1)
        await store(harness.connection, "jobs.other.run", {}, b"{}")
        await _deliver(harness)
        await harness.empty()
        assert harness.outcomes() == {"done": 1}
        assert await harness.outbox() == ["jobs.other.run"]
        later = datetime.now(UTC) + timedelta(minutes=2)
        assert await Outbox("probe", harness.database, harness.publisher).relay(later) == 0
        assert await Outbox("other", harness.database, harness.publisher).relay(later) == 1
        (waiting,) = await harness.stored("OTHER_LATER")
        assert waiting.subject.startswith("later.other.run.")
        assert await harness.outbox() == []


async def test_rows_that_stay_do_not_hide_those_behind_them(work: Work) -> None:
    """The relay goes on page by page, beyond what only another service may publish."""
    async with work({FollowProbe: Followed()}) as harness:
        now = datetime.now(UTC)
        old = now - timedelta(hours=2)
        mine = {**_row_of_the_gateway(old), "consumer": "probe", "type": "probe.run"}
        stay = [{**mine, "id": f"{number:03}", "subject": f"later.other.run.{number}"} for number in range(250)]
        async with harness.database.write() as connection:
            await connection.execute(insert(outbox), stay)
            await connection.execute(insert(outbox), _row_of_the_gateway(now - timedelta(hours=1)))
        assert await Outbox("probe", harness.database, harness.publisher).relay(now) == 1
