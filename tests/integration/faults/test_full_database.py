"""PostgreSQL's disk is really full: what could not be committed is not begun."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import text

from nightshift.database import migrate, open_database
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from tests.file_system import fill, mounted
from tests.harness import RECORD, SOON, RunProbe, eventually, working
from tests.postgres_server import postgres_server

JOBS = 60
ROWS = text("INSERT INTO big SELECT repeat(md5(random()::text), 50) FROM generate_series(1, 100)")


async def test_the_probe_sees_a_full_disk_and_that_there_is_room_again() -> None:
    """A server whose disk is full lets everybody read, and commits what fits into the pages that it has."""
    with mounted("200m") as disk:
        async with postgres_server(folder=disk) as server:
            database = open_database(server.url_by("127.0.0.1"))
            await migrate(server.url_by("127.0.0.1"), "none")
            await database.commit(lambda connection: connection.execute(text("CREATE TABLE big (filling text)")))
            filler = fill(disk)
            with pytest.raises(Unavailable, match="No space left"):
                await database.commit(lambda connection: [connection.execute(ROWS) for _ in range(100)])
            for _ in range(2):
                with pytest.raises(Unavailable, match="No space left"):
                    await database.probe()
            os.truncate(filler, 0)
            await database.probe()
            await database.close()


async def test_a_burst_begins_nothing_while_the_disk_is_full(broker: Broker, tmp_path: Path) -> None:
    """Each mail would be sent, could not be committed, and would be sent again; so each job runs once, when it can."""
    begun: list[str] = []

    async def send(message: RunProbe, job: Job) -> None:
        begun.append(message.name)
        await asyncio.sleep(0)
        job.write(RECORD, {"action": message.name})

    with mounted("200m") as disk:
        async with (
            postgres_server(folder=disk) as server,
            working(
                broker,
                None,
                tmp_path,
                {RunProbe: send},
                slots=100,
                policies=SOON,
                database_url=server.url_by("127.0.0.1"),
            ) as harness,
        ):
            filler = fill(disk)
            for number in range(JOBS):
                await harness.publisher.publish(RunProbe(name=f"job {number}"))

            def put_off() -> bool:
                return harness.parts.circuit.unavailable == ["database"] and not harness.parts.worker.in_flight

            await eventually(put_off, what="the jobs are put off")
            assert begun == []
            os.truncate(filler, 0)
            await harness.empty()
            assert sorted(begun) == sorted(f"job {number}" for number in range(JOBS))
            assert len(await harness.effects()) == JOBS
