"""`nightshift jobs cancel` beside a worker: what it did with a job that has begun."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from tests.harness import RECORD, SOON, Harness, RunProbe, eventually, working
from tests.integration.cli.harness import CommandResult, run_command

HOUR = timedelta(hours=1)
Command = Callable[..., Coroutine[Any, Any, CommandResult]]


class Doors:
    """Where the handler stands still."""

    def __init__(self) -> None:
        self.committing, self.go_on, self.interrupted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(self, message: RunProbe, job: Job) -> None:
        """Stay in the handler or in the commit, as the message's name says."""
        job.write(RECORD, {"action": message.name})
        match message.name:
            case "stay":
                await asyncio.sleep(60)
            case "clings":
                try:
                    await asyncio.sleep(60)
                finally:
                    self.interrupted.set()
                    await self.go_on.wait()
            case "commit":
                job.run_in_transaction(self._step)

    async def _step(self, _connection: AsyncConnection) -> None:
        self.committing.set()
        await self.go_on.wait()


@pytest.fixture
def doors() -> Doors:
    """Open none of them yet."""
    return Doors()


@pytest.fixture
async def worker(broker: Broker, tmp_path: Path, doors: Doors) -> AsyncIterator[Harness]:
    """A worker that has one job in hand at a time."""
    async with working(broker, None, tmp_path, {RunProbe: doors.handler}, slots=3, policies=SOON) as harness:
        await harness.listen()
        yield harness
        doors.go_on.set()


@pytest.fixture
def nightshift(broker: Broker, tmp_path: Path) -> Command:
    """Run a command against the worker's broker and database."""
    environ = {
        "NATS_URL": broker.url,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}",
        "CONTRACTS_PACKAGE": "tests.harness",
    }

    async def run(*arguments: str) -> CommandResult:
        return await run_command(arguments, environ, Path("nowhere"))

    return run


async def begun(worker: Harness, name: str) -> None:
    """Publish a job, and wait until it runs."""
    await worker.publisher.publish(RunProbe(name=name), job_id="one")
    await eventually(lambda: any(one.job.started_at for one in worker.parts.worker.running), what="it runs")


async def test_a_running_job_is_stopped(worker: Harness, nightshift: Command) -> None:
    """It says so, and the job is found as a dead letter."""
    await begun(worker, "stay")
    cancelled = await nightshift("jobs", "cancel", "one", "--yes")
    assert cancelled.code == 0, cancelled.err
    assert "cancelled probe.run one, which was in flight: it was stopped in a worker's hands" in cancelled.out
    found = await nightshift("jobs", "find", "one")
    assert "cancelled: it was cancelled while it ran" in found.out
    assert await worker.effects() == []


async def test_programs_read_what_was_done(worker: Harness, nightshift: Command) -> None:
    """A row for each place where the job was."""
    await begun(worker, "stay")
    (row,) = (await nightshift("jobs", "cancel", "one", "--yes", "--json")).json
    assert (row["jobId"], row["type"], row["state"], row["did"]) == ("one", "probe.run", "in flight", "stopped")


async def test_what_is_being_committed_is_told_to_be_too_late(
    worker: Harness, doors: Doors, nightshift: Command
) -> None:
    """Exit code 1; its effect happens once."""
    await worker.publisher.publish(RunProbe(name="commit"), job_id="one")
    await doors.committing.wait()
    cancelling = asyncio.create_task(nightshift("jobs", "cancel", "one", "--yes"))
    await eventually(lambda: any(one.stopped for one in worker.parts.worker.running), what="the worker is told")
    doors.go_on.set()
    late = await cancelling
    assert (late.code, "ended before it could be stopped: it is done" in late.err) == (1, True)
    assert await worker.effects() == ["commit"]


async def test_a_handler_that_does_not_end_in_time_is_told(worker: Harness, doors: Doors, nightshift: Command) -> None:
    """Exit code 1; it ends as cancelled when it does."""
    await begun(worker, "clings")
    late = await nightshift("jobs", "cancel", "one", "--yes", "--wait-for", "300ms")
    assert (late.code, "its handler has not ended yet" in late.err) == (1, True)
    assert doors.interrupted.is_set()
    doors.go_on.set()
    (letter,) = await worker.dead_letters()
    assert letter.headers["Dead-Reason"] == "cancelled"


async def test_a_job_between_two_attempts_is_taken_back(worker: Harness, nightshift: Command) -> None:
    """No worker has it: its next attempt is removed."""
    await worker.publisher.publish_later(RunProbe(name="stay"), delay=HOUR, job_id="one")
    cancelled = await nightshift("jobs", "cancel", "one", "--yes", "--json")
    assert [(row["state"], row["did"]) for row in cancelled.json] == [("scheduled", "removed")]
    assert not await worker.stored("PROBE_LATER")


async def test_a_job_that_was_enqueued_by_sql_is_taken_out_of_the_outbox(worker: Harness, nightshift: Command) -> None:
    """As long as no relay has published it."""
    await let_producers(worker.database.url, ["probe.run"], notify=False)
    row = {"consumer": "", "subject": "jobs.probe.run", "body": b"{}", "headers": {"Job-Id": "one"}}
    async with worker.database.write() as connection:
        await connection.execute(insert(outbox), row)
    cancelled = await nightshift("jobs", "cancel", "one", "--yes", "--json")
    assert [(row["state"], row["did"]) for row in cancelled.json] == [("outbox", "removed")]
    assert await worker.outbox() == []
