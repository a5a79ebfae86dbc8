"""Broker, database and dead-letter stream away: workers wait, say so, and go on without a restart."""

import sqlite3
import sys
from contextlib import closing

import pytest

from nightshift.broker.jetstream import manage
from tests.harness import eventually
from tests.integration.faults.conftest import Site, reasons, says

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send")


async def test_a_broker_that_is_away_at_the_start_is_waited_for(site: Site) -> None:
    """The worker says that it is not ready, and works as soon as the broker is there."""
    broker = site.stack.broker
    await broker.stop()
    worker = await site.worker(ready=False)
    await says(worker, "/readyz", "503", "is starting")
    await says(worker, "/healthz", "200")
    await eventually(lambda: "Connection refused" in worker.process.output(), what="the log says why")
    await broker.start()
    await says(worker, "/readyz", "200")
    (job,) = await site.send("plain")
    await site.until_empty()
    assert await site.effects() == {job: [1]}
    assert not worker.ends


async def test_a_broker_that_goes_away_is_waited_for(site: Site) -> None:
    """`/readyz` names it, `/healthz` stays good, since a restart would not help; then it goes on."""
    worker, broker = await site.worker(), site.stack.broker
    await broker.kill()
    await says(worker, "/readyz", "503", "broker:")
    await says(worker, "/healthz", "200")
    await broker.start()
    await says(worker, "/readyz", "200")
    (job,) = await site.send("plain")
    await site.until_empty()
    assert await site.effects() == {job: [1]}
    assert not worker.ends


async def test_a_worker_can_be_stopped_while_the_broker_is_away(site: Site) -> None:
    """It ends with exit code 0, soon."""
    worker, broker = await site.worker(), site.stack.broker
    await broker.kill()
    await says(worker, "/readyz", "503", "broker:")
    assert await worker.roll(grace_seconds=25) == 0
    await broker.start()


async def test_a_database_that_is_away_stops_the_pulling_and_burns_no_attempt(site: Site) -> None:
    """Jobs wait; the metric, `/readyz` and the log name the database; afterwards all are done in the first attempt."""
    worker = await site.worker(SLOTS="4")
    with closing(sqlite3.connect(site.stack.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        jobs = await site.send("plain", 40)
        await says(worker, "/metrics", 'nightshift_circuit_open{component="database"} 1.0')
        await says(worker, "/readyz", "503", "database:")
        await eventually(lambda: "circuit_open" in worker.process.output(), what="the log says it")
        info = await manage(site.connection, "CONSUMER.INFO.CHAOS.chaos")
        assert info["num_pending"] > 20, "it went on pulling"
        other.execute("ROLLBACK")
    await site.until_empty()
    await says(worker, "/metrics", 'nightshift_circuit_open{component="database"} 0.0')
    assert await site.effects() == {job: [1] for job in jobs}
    assert await site.dead_letters() == []


async def test_a_database_that_only_reads_at_the_start_lets_no_job_begin(site: Site) -> None:
    """What a handler does outside is done before the commit: a worker that cannot commit takes no job, and says why."""
    with closing(sqlite3.connect(site.stack.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = await site.send("plain", 20)
        worker = await site.worker(ready=False)
        await eventually(lambda: "circuit_open" in worker.process.output(), what="the log says it")
        await says(worker, "/readyz", "503", "database:")
        info = await manage(site.connection, "CONSUMER.INFO.CHAOS.chaos")
        assert (info["num_pending"], info["num_ack_pending"]) == (20, 0)
        other.execute("ROLLBACK")
    await site.until_empty()
    assert await site.effects() == {job: [1] for job in jobs}


async def test_while_the_dead_letter_stream_is_full_the_job_stays(site: Site) -> None:
    """An error in the log and a metric say so; with room again, the dead letter is there, with its first reason."""
    info = await manage(site.connection, "STREAM.INFO.CHAOS_DLQ")
    await manage(site.connection, "STREAM.UPDATE.CHAOS_DLQ", {**info["config"], "max_bytes": 1})
    worker = await site.worker()
    (job,) = await site.send("permanent")
    await says(worker, "/metrics", 'nightshift_jobs_total{outcome="dead-letter-refused",type="chaos.run"}')
    log = worker.process.output()
    assert "not_stored" in log
    assert "the dead letter could not be stored, the job stays" in log
    assert await site.dead_letters() == []
    waiting = await manage(site.connection, "STREAM.INFO.CHAOS_LATER")
    assert waiting["state"]["messages"] == 1
    await manage(site.connection, "STREAM.UPDATE.CHAOS_DLQ", info["config"])
    await site.until_empty()
    assert reasons(await site.dead_letters()) == {job: "permanent"}
    assert await site.effects() == {}
