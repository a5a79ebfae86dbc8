"""PostgreSQL's disk is really full: what could not be committed is not begun."""

import asyncio
import os
from pathlib import Path

from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.job import Job
from tests.file_system import fill, mounted
from tests.harness import RECORD, SOON, RunProbe, eventually, working
from tests.postgres_server import postgres_server

JOBS = 60


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
