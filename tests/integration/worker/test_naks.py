"""A nak is no death: the broker counts it like one, and every replica must be able to tell them apart."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage, store
from nightshift.contract.cron import ScheduleFired
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from nightshift.testing import work_off
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.in_flight import ISOLATE_AFTER
from nightshift.worker.pull import Pull
from tests.harness import SOON, Harness, RunProbe, eventually, working
from tests.integration.worker.conftest import Work
from tests.integration.worker.test_events import DAILY, EVENT

pytestmark = pytest.mark.usefixtures("soon")


class Together:
    """A handler that ends when two run at the same time."""

    def __init__(self) -> None:
        self.both = asyncio.Barrier(2)

    async def __call__(self, _message: object, _job: Job) -> None:
        """Wait for the other."""
        async with asyncio.timeout(10):
            await self.both.wait()


async def fail(_message: object, _job: Job) -> None:
    """Fail."""
    raise ConnectionError("not today")


async def _refuse_copies(harness: Harness) -> None:
    """Let the broker refuse every copy for later, so that a failed job is nak'ed."""
    config = (await manage(harness.connection, "STREAM.INFO.PROBE_LATER"))["config"]
    await manage(harness.connection, "STREAM.UPDATE.PROBE_LATER", {**config, "max_msg_size": 1})


async def test_a_job_that_another_replica_has_nakked_runs_beside_others(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """The broker refused its copies, which is nobody's death: it need not run alone."""
    together = Together()
    async with work({RunProbe: fail}) as first:
        await _refuse_copies(first)
        await first.publisher.publish(RunProbe(name="nakked"), job_id="one")
        await eventually(lambda: first.outcomes().get("retry", 0) > ISOLATE_AFTER)
        await first.parts.worker.drain(0)
        async with working(broker, None, tmp_path, {RunProbe: together}, fresh=False, policies=SOON) as second:
            await second.publisher.publish(RunProbe(name="other"))
            await second.empty()
            assert second.outcomes() == {"done": 2}


async def test_an_event_that_another_replica_has_nakked_runs_beside_others(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """An event is always retried by a nak."""
    together = Together()

    async def event_fails(_event: ScheduleFired, _job: Job) -> None:
        raise ConnectionError("not today")

    async with work({DAILY: event_fails}) as first:
        await store(first.connection, DAILY, {}, EVENT)
        await eventually(lambda: first.outcomes(None).get("retry", 0) > ISOLATE_AFTER)
        await first.parts.worker.drain(0)
        async with working(
            broker, None, tmp_path, {DAILY: together, RunProbe: together}, fresh=False, policies=SOON
        ) as second:
            await second.publisher.publish(RunProbe(name="other"))
            await eventually(lambda: second.outcomes(None) == {"done": 1})
            await second.empty()


class Locked(CrashLoopGuard):
    """A guard whose database is unavailable `outages` times when a nak is recorded."""

    outages = 2
    recorded = 0

    async def record_nak(self, delivery: Delivery) -> None:
        """See `CrashLoopGuard`."""
        if self.outages:
            self.outages -= 1
            raise Unavailable("database", "locked")
        await super().record_nak(delivery)
        self.recorded += 1


async def _delivered(harness: Harness, wanted: int) -> Delivery:
    """Publish a job, refuse it until it was delivered so many times, and return the last delivery, unanswered."""
    deliveries: list[Delivery] = []

    def receive(received: Sequence[Delivery]) -> None:
        deliveries.extend(received)
        if len(deliveries) < wanted:
            deliveries[-1].nak(timedelta(0))

    await harness.publisher.publish(RunProbe(name="a"), job_id="one")
    pull = Pull(harness.connection, "PROBE", "probe", receive)
    await pull.start()
    while len(deliveries) < wanted:
        pull.request(1)
        await asyncio.sleep(0.01)
    await pull.stop()
    return deliveries[-1]


def _naks(harness: Harness) -> list[bytes]:
    """Return the naks that the worker sends from now on; the broker does not get them."""
    naks: list[bytes] = []
    send = harness.connection.send

    def note(subject: bytes, body: bytes = b"", reply: bytes = b"", header: bytes = b"") -> None:
        if body.startswith(b"-NAK"):
            naks.append(body)
        else:
            send(subject, body, reply, header)

    harness.connection.send = note  # type: ignore[method-assign]  # listens to what the worker sends
    return naks


@pytest.mark.parametrize(("deliveries", "outages_left", "recorded"), [(SOON.crash_loop_after, 0, 1), (1, 1, 0)])
async def test_a_mark_is_cleared_before_its_job_is_nakked(
    work: Work, deliveries: int, outages_left: int, recorded: int
) -> None:
    """However long the database is unavailable: a mark that stayed would prove a crash loop. Others do not wait."""
    async with work({RunProbe: fail}, start=False) as harness:
        await _refuse_copies(harness)
        delivery = await _delivered(harness, deliveries)
        pipeline, guard, naks = harness.parts.worker._pipeline, Locked("probe", harness.database), _naks(harness)
        pipeline._settler._guard = guard
        verdict = await work_off(pipeline, pipeline.identify(delivery))
        assert verdict.outcome == "retry"
        assert (guard.outages, guard.recorded, len(naks)) == (outages_left, recorded, 1)
        assert await CrashLoopGuard("probe", harness.database).mark_started(delivery), "its next delivery may run"
