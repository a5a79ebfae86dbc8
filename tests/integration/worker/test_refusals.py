"""When the broker refuses what a job leaves behind, the job stays: nothing is lost, and no attempt is burnt."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nightshift.broker import QueueFullError
from nightshift.broker.jetstream import manage
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent
from nightshift.topology.topology import StreamLimits
from nightshift.worker.policies import Policies
from tests.harness import RECORD, SOON, Harness, RunProbe, eventually
from tests.integration.worker.conftest import Work

NO_ROOM = StreamLimits(dead_letter_bytes=500)


async def _make_room(harness: Harness) -> None:
    config = (await manage(harness.connection, "STREAM.INFO.PROBE_DLQ"))["config"]
    await manage(harness.connection, "STREAM.UPDATE.PROBE_DLQ", {**config, "max_bytes": 1_000_000})


class Hopeless:
    """A handler that gives up at once; `ran` counts."""

    def __init__(self) -> None:
        self.ran = 0

    async def __call__(self, _: RunProbe, _job: Job) -> None:
        """Gives up."""
        self.ran += 1
        raise Permanent("never")


async def test_a_dead_letter_without_room_goes_again_later_with_its_verdict(work: Work) -> None:
    """The copy that waits says why and after how many attempts, and is due in a minute."""
    async with work({RunProbe: Hopeless()}, stream_limits=NO_ROOM) as harness:
        await harness.publisher.publish(RunProbe(name="x" * 500), job_id="one")
        await eventually(lambda: harness.outcomes() == {"dead-letter-refused": 1})
        (waiting,) = await harness.stored("PROBE_LATER")
        assert waiting.headers["Dead-Reason"] == "permanent"
        assert waiting.headers["Dead-Error"] == "never"
        assert waiting.headers["Dead-Attempts"] == "1"
        assert waiting.headers["Job-Attempt-Base"] == "0"
        assert await harness.stored("PROBE_DLQ") == []
        assert await harness.stored("PROBE") == []


async def test_a_marked_job_becomes_its_dead_letter_when_there_is_room(work: Work) -> None:
    """It is tried until it is stored, without being run again, and its letter is the one it would have been."""
    hopeless, policies = Hopeless(), Policies(dead_letter_again=timedelta(milliseconds=50))
    async with work({RunProbe: hopeless}, stream_limits=NO_ROOM, policies=policies) as harness:
        await harness.publisher.publish(RunProbe(name="x" * 500), job_id="one")
        await eventually(lambda: harness.outcomes().get("dead-letter-refused", 0) >= 3)
        await _make_room(harness)
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert hopeless.ran == 1
        assert len(await harness.stored("PROBE_DLQ")) == 1
        assert letter.headers["Dead-Reason"] == "permanent"
        assert letter.headers["Dead-Error"] == "never"
        assert letter.headers["Dead-Attempts"] == "1"


async def test_a_marked_job_whose_effect_exists_becomes_no_dead_letter(work: Work) -> None:
    """Between the verdict and the letter another delivery may have done it: the inbox is asked first."""
    policies = Policies(dead_letter_again=timedelta(seconds=0.3))
    fail = True

    async def run_probe(message: RunProbe, job: Job) -> None:
        if fail:
            raise Permanent("never")
        job.write(RECORD, {"action": message.name[:1]})

    async with work({RunProbe: run_probe}, stream_limits=NO_ROOM, policies=policies) as harness:
        await harness.publisher.publish(RunProbe(name="x" * 500), job_id="one")
        await eventually(lambda: harness.outcomes() == {"dead-letter-refused": 1})
        fail = False
        await harness.raw("jobs.probe.run", b'{"name":"x"}', b"NATS/1.0\r\nJob-Id: one\r\n\r\n")
        await eventually(lambda: harness.outcomes().get("duplicate"))
        await _make_room(harness)
        await harness.empty()
        assert await harness.effects() == ["x"]
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.usefixtures("soon")
async def test_a_copy_for_later_that_is_refused_leaves_the_job_in_its_queue(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is delivered again after a delay: as the same attempt, never alone, never as a crash loop; then it goes on."""
    refusals = 14
    attempts: list[int] = []
    suspects: list[bool] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        attempts.append(job.attempt)
        suspects.append(harness.parts.worker._isolated is not None)
        if len(attempts) < 16:
            raise LookupError

    async with work({RunProbe: run_probe}) as harness:
        store_in_truth = harness.publisher.store

        async def refuse(message: OutboundMessage) -> Any:
            nonlocal refusals
            if message.subject.startswith("later.") and refusals:
                refusals -= 1
                raise QueueFullError(message.subject, 10077, "a test")
            return await store_in_truth(message)

        monkeypatch.setattr(harness.publisher, "store", refuse)
        await harness.publisher.publish_body("probe.run", b'{"name":"a"}', job_id="one")
        await harness.empty()
        assert attempts == [1] * 15 + [2]
        assert not any(suspects)
        assert await harness.inbox() == [("probe.run", "one")]


async def test_when_neither_letter_nor_copy_can_be_stored_the_job_stays(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that takes nothing more loses nothing either."""
    refusals = 4
    hopeless, policies = Hopeless(), replace(SOON, dead_letter_again=timedelta(milliseconds=50))
    async with work({RunProbe: hopeless}, policies=policies) as harness:
        store_in_truth = harness.publisher.store

        async def refuse(message: OutboundMessage) -> Any:
            nonlocal refusals
            if message.subject.startswith(("later.", "dead.")) and refusals:
                refusals -= 1
                raise QueueFullError(message.subject, 10023, "insufficient resources")
            return await store_in_truth(message)

        await harness.publisher.publish(RunProbe(name="a"), job_id="one")
        monkeypatch.setattr(harness.publisher, "store", refuse)
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert letter.headers["Dead-Reason"] == "permanent"
        assert hopeless.ran <= 3
