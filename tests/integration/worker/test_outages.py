"""Our own database, object store or broker is away: jobs wait, lose no attempt, and are all done at last."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nightshift.database import sqlite
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from tests.harness import RECORD, SOON, RunProbe, count, eventually, set_ack_wait
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import record

pytestmark = pytest.mark.usefixtures("soon")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Another process holds the database's write lock, for longer than the worker waits for it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker waits for other writers a tenth of a second only."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
async def test_while_the_database_is_away_nothing_is_pulled_and_no_attempt_is_lost(work: Work, tmp_path: Path) -> None:
    """Jobs that met the outage wait, the others stay in their queue; afterwards each is done, at its first attempt."""
    attempts: set[int] = set()

    async def run_probe(message: RunProbe, job: Job) -> None:
        attempts.add(job.attempt)
        await record(message, job)

    async with work({RunProbe: run_probe}, slots=3) as harness:
        with _locked(tmp_path / "nightshift.db"):
            for number in range(30):
                await harness.publisher.publish(RunProbe(name=f"{number:02}"))
            await eventually(lambda: harness.parts.circuit.unavailable == ["database"])
            await eventually(lambda: harness.outcomes().get("unavailable", 0) >= 3)
            await eventually(lambda: harness.parts.worker.in_flight == 0)

            async def all_are_kept() -> bool:  # the broker takes acknowledgements beside its other work
                kept = [await count(harness.connection, stream) for stream in ("PROBE", "PROBE_LATER")]
                return sum(kept) == 30

            await eventually(all_are_kept)
            assert await count(harness.connection, "PROBE") >= 20, "pulling goes on although the database is away"
        await harness.empty()
        assert harness.parts.circuit.closed
        assert await harness.effects() == [f"{number:02}" for number in range(30)]
        assert attempts == {1}
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.usefixtures("impatient")
async def test_what_comes_while_the_database_is_away_is_not_begun(work: Work, tmp_path: Path) -> None:
    """Requests for jobs were open before: what a handler does outside would be done again and again, in vain."""
    began = list[str]()

    async def run_probe(message: RunProbe, job: Job) -> None:
        began.append(message.name)
        await record(message, job)

    async with work({RunProbe: run_probe}, slots=10) as harness:
        await harness.database.probe()  # as at the start of a worker
        with _locked(tmp_path / "nightshift.db"):
            await harness.publisher.publish(RunProbe(name="meets it"))
            await eventually(lambda: harness.parts.circuit.unavailable == ["database"])
            await harness.publisher.publish(RunProbe(name="comes later"))
            await eventually(lambda: harness.outcomes().get("unavailable", 0) >= 2)
            assert began == ["meets it"]
        await harness.empty()
        assert sorted(began) == ["comes later", "meets it", "meets it"]


async def test_a_handler_may_say_that_something_of_ours_is_away(work: Work) -> None:
    """`Unavailable` from a handler opens the circuit of that component, and costs no attempt either."""
    attempts: list[int] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        attempts.append(job.attempt)
        await record(message, job)
        if len(attempts) == 1:
            raise Unavailable("database", "a replica answered that it is read-only")

    async with work({RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await eventually(lambda: harness.parts.circuit.unavailable == ["database"])
        await harness.empty()
        assert attempts == [1, 1]
        assert await harness.effects() == ["a"]


@pytest.mark.parametrize("how", ["restarted", "killed"])
async def test_a_broker_that_goes_and_comes_loses_no_job_and_doubles_none(work: Work, broker: Broker, how: str) -> None:
    """Jobs run on meanwhile; acknowledgements that were lost bring deliveries that the inbox knows."""
    policies = replace(SOON, progress_seconds=0.3, tick_seconds=0.1)

    async def run_probe(message: RunProbe, job: Job) -> None:
        await asyncio.sleep(0.02)
        await record(message, job)

    async with work({RunProbe: run_probe}, slots=8, policies=policies) as harness:
        await set_ack_wait(harness.connection, 1)
        await harness.publisher.publish_many([RunProbe(name=f"{number:03}") for number in range(300)])
        await eventually(lambda: harness.outcomes().get("done", 0) > 20)
        if how == "killed":
            await broker.kill()
            await broker.start()
        else:
            await broker.restart()
        await harness.empty()
        assert await harness.effects() == [f"{number:03}" for number in range(300)]
        assert len(await harness.inbox()) == 300
        assert harness.connection.stats["reconnects"] == 1


async def test_a_job_that_runs_longer_than_the_ack_wait_is_not_delivered_again(work: Work) -> None:
    """While it runs, the worker tells the broker so."""
    policies = replace(SOON, progress_seconds=0.1, tick_seconds=0.05)
    began = 0

    async def run_probe(message: RunProbe, job: Job) -> None:
        nonlocal began
        began += 1
        await asyncio.sleep(1.2)
        job.write(RECORD, {"action": message.name})

    async with work({RunProbe: run_probe}, policies=policies) as harness:
        await set_ack_wait(harness.connection, 0.5)
        await harness.publisher.publish(RunProbe(name="long"))
        await harness.empty()
        assert began == 1
        assert harness.outcomes() == {"done": 1}
