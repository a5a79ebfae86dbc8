"""A job is done once, whoever sends it how often: what its identity is, and that its effects happen once."""

import asyncio
import hashlib
from datetime import UTC, datetime

import pytest

from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.contract.wire import storable_id
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from tests.harness import RECORD, FollowProbe, Harness, RunProbe, eventually
from tests.integration.worker.conftest import Work

LONG_ID = "x" * 10_000
ODD_ID = "order 17/é.*>"


async def record(message: RunProbe, job: Job) -> None:
    """Leaves one effect per run that commits."""
    job.write(RECORD, {"action": f"{message.name}@{job.id[:40]}"})


async def _publish(harness: Harness, **headers: str) -> bool:
    """Publishes a job with these headers (underscores are hyphens); says whether the broker dropped it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await store(harness.connection, "jobs.probe.run", named, b'{"name":"a"}')).duplicate


async def test_a_job_typed_by_hand_is_done_and_leaves_its_queue(work: Work) -> None:
    """A bare JSON body on jobs.<type>, with no header at all, is a complete job."""
    ran: list[RunProbe] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        ran.append(message)
        await record(message, job)

    async with work({RunProbe: run_probe}) as harness:
        await harness.raw("jobs.probe.run", b'{"name":"typed"}')
        await eventually(harness.effects)
        await harness.empty()
        assert ran == [RunProbe(name="typed")]
        assert len(await harness.inbox()) == 1
        assert harness.outcomes() == {"done": 1}


async def test_fields_that_the_contract_does_not_know_are_ignored(work: Work) -> None:
    """A newer producer may say more than an older worker understands."""
    async with work({RunProbe: record}) as harness:
        await harness.raw("jobs.probe.run", b'{"name":"newer","since":{"version":2}}')
        await eventually(harness.effects)
        assert await harness.stored("PROBE_DLQ") == []


async def test_the_broker_drops_a_second_publish_inside_its_window(work: Work) -> None:
    """Published three times by our publisher with one job id, a job is stored once and runs once."""
    async with work({RunProbe: record}) as harness:
        receipts = [await harness.publisher.publish(RunProbe(name="a"), job_id="one") for _ in range(3)]
        await harness.empty()
        assert [receipt.duplicate for receipt in receipts] == [False, True, True]
        assert await harness.effects() == ["a@one"]
        assert harness.outcomes() == {"done": 1}


async def test_the_inbox_drops_what_the_window_lets_pass(work: Work) -> None:
    """The same job id under other message ids is delivered each time, and has one effect and one inbox row."""
    async with work({RunProbe: record}) as harness:
        for number in range(3):
            assert not await _publish(harness, Job_Id="one", Nats_Msg_Id=f"other-{number}")
        await harness.empty()
        assert await harness.effects() == ["a@one"]
        assert await harness.inbox() == [("probe.run", "one")]
        assert harness.outcomes() == {"done": 1, "duplicate": 2}


async def test_a_job_published_again_after_a_restart_of_the_broker_is_not_done_again(
    work: Work, broker: Broker
) -> None:
    """The window of a work queue is forgotten on a restart; the inbox is not."""
    async with work({RunProbe: record}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.empty()
        await broker.restart()
        again = await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.empty()
        assert not again.duplicate, "the broker remembers: this test shows nothing"
        assert await harness.effects() == ["a@one"]
        assert harness.outcomes() == {"done": 1, "duplicate": 1}


async def test_deliveries_of_one_job_at_the_same_time_run_one_after_the_other(work: Work) -> None:
    """The second waits for the first and then finds its inbox row, so that outside work is not done twice either."""
    running = ran = 0

    async def run_probe(message: RunProbe, job: Job) -> None:
        nonlocal running, ran
        running, ran = running + 1, ran + 1
        await asyncio.sleep(0.05)  # long enough for the second to come in between
        assert running == 1
        running -= 1
        await record(message, job)

    async with work({RunProbe: run_probe}) as harness:
        await asyncio.gather(*(_publish(harness, Job_Id="one", Nats_Msg_Id=f"n{number}") for number in range(5)))
        await harness.empty()
        assert ran == 1
        assert await harness.effects() == ["a@one"]
        assert harness.outcomes() == {"done": 1, "duplicate": 4}


async def test_two_workers_with_the_same_job_have_one_effect(work: Work) -> None:
    """Two processes may both run a job; the second to commit finds the row of the first and rolls back."""
    both = asyncio.Barrier(2)

    async def run_probe(message: RunProbe, job: Job) -> None:
        async with asyncio.timeout(10):
            await both.wait()
        await record(message, job)

    async with (
        work({RunProbe: run_probe}, slots=1) as first,
        work({RunProbe: run_probe}, slots=1, fresh=False) as other,
    ):
        for number in range(2):
            await _publish(first, Job_Id="one", Nats_Msg_Id=f"n{number}")
        await first.empty()
        await other.empty()
        assert sorted([first.outcomes(), other.outcomes()], key=str) == [{"done": 1}, {"duplicate": 1}]
        assert await first.effects() == ["a@one"]


async def test_jobs_of_two_types_may_have_the_same_id(work: Work) -> None:
    """An id belongs to its type."""

    async def follow(message: FollowProbe, job: Job) -> None:
        job.write(RECORD, {"action": f"follow {message.name}"})

    async with work({RunProbe: record, FollowProbe: follow}) as harness:
        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        await harness.publisher.publish(FollowProbe(name="a"), job_id="one")
        await harness.empty()
        assert await harness.effects() == ["a@one", "follow a"]
        assert sorted(await harness.inbox()) == [("probe.follow", "one"), ("probe.run", "one")]


async def test_without_a_job_id_the_message_id_is_the_identity(work: Work) -> None:
    """A producer that sets Nats-Msg-Id alone gets the inbox as well as the window; Job-Id comes first."""
    async with work({RunProbe: record}) as harness:
        await _publish(harness, Nats_Msg_Id="by-message")
        await _publish(harness, Nats_Msg_Id="other", Job_Id="by-job")
        await _publish(harness, Nats_Msg_Id="third", Job_Id="by-message")
        await harness.empty()
        assert await harness.effects() == ["a@by-job", "a@by-message"]
        assert harness.outcomes() == {"done": 2, "duplicate": 1}


async def test_without_any_id_the_place_in_the_stream_is_the_identity(work: Work) -> None:
    """Stream, sequence and store time: the same body typed twice is two jobs, also in a stream made anew."""
    ids: list[str] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        ids.append(job.id)

    before = datetime.now(UTC).timestamp()
    async with work({RunProbe: run_probe}) as harness:
        for _ in range(2):
            await harness.raw("jobs.probe.run", b'{"name":"a"}')
        await harness.empty()
    streams, sequences, stored = zip(*(job_id.split(":") for job_id in ids), strict=True)
    assert streams == ("PROBE", "PROBE")
    assert int(sequences[1]) == int(sequences[0]) + 1
    assert all(before - 1 < int(nanoseconds) / 1e9 < before + 60 for nanoseconds in stored)


@pytest.mark.parametrize("job_id", [LONG_ID, ODD_ID, "x" * 201], ids=["10,000 characters", "odd characters", "201"])
async def test_an_id_unfit_for_a_key_is_hashed_where_it_is_one(work: Work, job_id: str) -> None:
    """The handler sees it as it was typed if every store takes it; key and subject token are `~` and its SHA-256."""
    seen: list[Job] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        seen.append(job)

    async with work({RunProbe: run_probe}) as harness:
        for number in range(2):
            await _publish(harness, Job_Id=job_id, Nats_Msg_Id=f"n{number}")
        await harness.empty()
        assert [job.published_id or job.id for job in seen] == [job_id]
        assert [job.id for job in seen] == [storable_id(job_id)]
        assert await harness.inbox() == [("probe.run", "~" + hashlib.sha256(job_id.encode()).hexdigest())]


async def test_an_id_of_200_safe_bytes_is_its_own_key(work: Work) -> None:
    """What people can read stays readable."""
    job_id = "aZ0_-" * 40
    async with work({RunProbe: record}) as harness:
        await _publish(harness, Job_Id=job_id)
        await harness.empty()
        assert await harness.inbox() == [("probe.run", job_id)]
        assert wire.safe_token(job_id) == job_id
