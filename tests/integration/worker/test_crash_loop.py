"""A job that kills its worker is found by its deliveries of which nobody reported the end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from nightshift.broker.delivery import Delivery
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.policies import DEFAULT_POLICIES
from nightshift.worker.pull import Pull
from tests.harness import SOON, Harness, RunProbe, eventually, working
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import never

AT_ONCE = timedelta(0)
CRASH_LOOP = DEFAULT_POLICIES.crash_loop_after


async def _die_with(harness: Harness, job_id: str, deaths: int, *, begun: bool = True) -> None:
    """Publishes a job and lets so many deliveries of it end without this worker knowing how; `begun`: the tenth was.

    The broker counts a refused delivery like one whose worker has died, and only the worker that refused it knows.
    """
    seen = 0
    last: Delivery | None = None

    def receive(deliveries: Sequence[Delivery]) -> None:
        nonlocal seen, last
        seen += 1
        (last,) = deliveries
        last.nak(AT_ONCE if seen < deaths else timedelta(seconds=0.2))

    def reached(wanted: int) -> bool:
        return seen >= wanted

    await harness.publisher.publish(RunProbe(name="deadly"), job_id=job_id)
    pull = Pull(harness.connection, "PROBE", "probe", receive)
    await pull.start()
    for number in range(deaths):
        pull.request(1)
        await eventually(partial(reached, number + 1))
    await pull.stop()
    if last is not None and begun and deaths >= CRASH_LOOP:
        assert await CrashLoopGuard("probe", harness.database).mark_started(last)


class Company:
    """A handler that notes who runs beside whom."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, message: RunProbe, _job: Job) -> None:
        """Stays for a few rounds of the event loop, and for as long as it is told."""
        self.running.add(message.name)
        for name in self.running:
            self.beside.setdefault(name, set()).update(self.running - {name})
        await self.go_on.wait()
        await asyncio.sleep(0.05)
        self.running.discard(message.name)


async def test_from_its_third_unexplained_delivery_a_job_runs_alone(work: Work) -> None:
    """Neither those that came before nor those that come after it run at the same time, and all are done."""
    company = Company()
    async with work({RunProbe: company}, start=False) as harness:
        await _die_with(harness, "one", 2)
        company.go_on.clear()
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.publisher.publish_many([RunProbe(name="before"), RunProbe(name="before too")])
        await eventually(lambda: len(company.running) == 2)
        await eventually(lambda: harness.parts.worker.in_flight == 3, what="the suspect waits")
        await harness.publisher.publish(RunProbe(name="after"))
        company.go_on.set()
        await harness.empty()
        assert company.beside["deadly"] == set()
        assert "before too" in company.beside["before"]  # and perhaps "after": the others go first, beside each other
        assert harness.outcomes() == {"done": 4}


async def test_a_second_delivery_runs_beside_others(work: Work) -> None:
    """One death may be anybody's fault."""
    company = Company()
    company.go_on.clear()
    async with work({RunProbe: company}, start=False) as harness:
        await _die_with(harness, "one", 1)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.publisher.publish(RunProbe(name="other"))
        await eventually(lambda: len(company.running) == 2)
        company.go_on.set()
        await harness.empty()


async def test_the_tenth_delivery_still_runs(work: Work) -> None:
    """A job has ten lives."""
    company = Company()
    async with work({RunProbe: company}, start=False) as harness:
        await _die_with(harness, "one", 9)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.empty()
        assert harness.outcomes() == {"done": 1}


async def test_after_ten_deliveries_without_a_word_a_job_is_a_dead_letter_without_being_run(work: Work) -> None:
    """The reason says how often it was delivered."""
    async with work({RunProbe: never}, start=False) as harness:
        await _die_with(harness, "one", 10)
        await harness.parts.worker.start(harness.parts.pulls)
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert letter.headers["Dead-Reason"] == "crash-loop"
        assert letter.headers["Dead-Error"].startswith("delivered 11 times, and no worker lived")
        assert letter.headers["Job-Id"] == "one"


@pytest.mark.usefixtures("soon")
async def test_while_copies_cannot_be_stored_deliveries_prove_nothing(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """Two replicas hand a job over again and again, and the broker counts that; a third that knows nothing runs it."""
    company = Company()

    async def fail(_message: RunProbe, _job: Job) -> None:
        raise ConnectionError("not today")

    async with work({RunProbe: fail}, start=False) as first:
        info = await manage(first.connection, "STREAM.INFO.PROBE_LATER")
        await manage(first.connection, "STREAM.UPDATE.PROBE_LATER", {**info["config"], "max_msg_size": 1})
        async with working(broker, None, tmp_path, {RunProbe: fail}, fresh=False, start=False, policies=SOON) as second:
            for one in (first, second):
                await one.parts.worker.start(one.parts.pulls)
            await first.publisher.publish(RunProbe(name="deadly"), job_id="one")
            await eventually(lambda: all(one.outcomes().get("retry", 0) > CRASH_LOOP for one in (first, second)))
            for one in (first, second):
                await one.parts.worker.drain(0)
            async with working(broker, None, tmp_path, {RunProbe: company}, fresh=False) as third:
                await third.empty()
                assert third.outcomes() == {"done": 1}
        assert await first.stored("PROBE_DLQ") == []


async def test_a_job_that_only_waited_when_its_worker_died_has_its_run(work: Work) -> None:
    """However often: what was not begun killed nobody."""
    async with work({RunProbe: Company()}, start=False) as harness:
        await _die_with(harness, "one", 30, begun=False)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.empty()
        assert harness.outcomes() == {"done": 1}
        assert await harness.stored("PROBE_DLQ") == []


async def test_a_job_that_kills_its_worker_after_its_commit_is_done(work: Work) -> None:
    """Its effect exists: no dead letter, however often it was delivered."""
    async with work({RunProbe: never}, start=False) as harness:
        await Committer(harness.database).commit(Job("probe", "probe.run", "one", "one"))
        await _die_with(harness, "one", 10)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.empty()
        assert harness.outcomes() == {"duplicate": 1}
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.parametrize("job_id", ["one", None])
async def test_deaths_of_one_job_say_nothing_about_the_next(work: Work, job_id: str | None) -> None:
    """Deliveries are counted for the stored message, not for the type or the id."""
    company = Company()
    async with work({RunProbe: company}, start=False) as harness:
        await _die_with(harness, "one", 10)
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.dead_letters()
        await harness.raw("jobs.probe.run", b'{"name":"other"}', f"NATS/1.0\r\nJob-Id: {job_id}\r\n\r\n".encode())
        await harness.empty()
        assert harness.outcomes() == {"dead": 1, "done": 1}
