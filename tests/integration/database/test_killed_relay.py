"""A service that is killed every two seconds while others enqueue by SQL: every committed row is done once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select

from nightshift.broker import Connection
from nightshift.database import Database, open_database
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from schema.tables import activity_logs
from tests.harness import count, eventually, set_ack_wait
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL to send")
KILLS, SECONDS = 5, 2.0


@asynccontextmanager
async def service(broker: Broker, database: Database, folder: Path, number: int) -> AsyncIterator[Process]:
    """A worker with its relay, as a process; killed afterwards."""
    settings = {
        "NATS_URL": broker.url,
        "DATABASE_URL": database.url,
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
    }
    command = [sys.executable, "-m", "tests.integration.worker.probe_service"]
    process = Process(
        f"probe-{number}", command, log=folder / f"{number}.log", cwd=ROOT, environment=clean_environment() | settings
    )
    try:
        yield process
    finally:
        await process.kill()


class Producer:
    """Writes rows as fast as the database takes them; every fifth transaction is rolled back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.committed: list[str] = []
        self.rolled_back: list[str] = []
        self.stopping = False
        self._prefix = uuid4().hex

    async def run(self) -> None:
        """Go on until told to stop: a commit that is interrupted may have been one."""
        other, number = open_database(self._database.url), 0
        try:
            while not self.stopping:
                number += 1
                await self._transaction(other, number)
                await asyncio.sleep(0.005)
        finally:
            await other.close()

    async def _transaction(self, other: Database, number: int) -> None:
        names = [f"{number}-{part}" for part in range(1 + number % 4)]
        rows = [
            {
                "consumer": "",
                "subject": "jobs.probe.run",
                "body": f'{{"name":"{name}"}}'.encode(),
                "headers": {"Job-Id": f"{self._prefix}-{name}"} if number % 2 else {},
            }
            for name in names
        ]
        async with other.engine.connect() as connection:
            await connection.execute(insert(outbox), rows)
            if number % 5:
                await connection.commit()
                self.committed += names
            else:
                await connection.rollback()
                self.rolled_back += names


async def test_every_committed_row_is_done_once(
    database: Database, connection: Connection, broker: Broker, tmp_path: Path
) -> None:
    """None is lost, none is done twice, and none of a transaction that was rolled back, wherever the kill strikes."""
    await let_producers(database.url, ["probe.run"], notify=True)
    await set_ack_wait(connection, 1)
    producer = Producer(database)
    writing = asyncio.create_task(producer.run())
    for number in range(KILLS):
        async with service(broker, database, tmp_path, number):
            await asyncio.sleep(SECONDS)  # the rate at which it is killed
    producer.stopping = True
    await writing
    assert len(producer.committed) > 100
    assert producer.rolled_back
    async with service(broker, database, tmp_path, KILLS):
        await eventually(lambda: _all_done(database, connection), what="everything is done", timeout_seconds=60)
    done = await _effects(database)
    assert sorted(done) == sorted(producer.committed)
    async with database.write() as emptied:
        await emptied.execute(delete(activity_logs))


async def _all_done(database: Database, connection: Connection) -> bool:
    async with database.read() as reading:
        waiting = (await reading.execute(select(outbox.c.id).limit(1))).first()
    return waiting is None and not any([await count(connection, stream) for stream in ("PROBE", "PROBE_LATER")])


async def _effects(database: Database) -> list[str]:
    async with database.read() as reading:
        return [row[0].partition(" ")[0] for row in await reading.execute(select(activity_logs.c.action))]
