"""Workers that stand still, die, or are restarted: their jobs are done elsewhere, once."""

import asyncio
import signal
import sys

import pytest

from nightshift.broker import direct_get
from nightshift.broker.message import OutboundMessage
from nightshift.cli.actions.redrive import copy_of, remove
from nightshift.cli.queries.dead_letters import letter_of
from tests.chaos.fault_points import KILLER_CODE
from tests.chaos.pace import BRISK
from tests.harness import eventually
from tests.integration.faults.conftest import Site, reasons, says

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send")


async def test_a_blocked_event_loop_is_noticed_and_its_jobs_are_done_elsewhere(site: Site) -> None:
    """`/healthz` says so although the loop does not turn; it turns good again; each job has one effect."""
    first = await site.worker(SLOTS="5")
    (blocker,) = await site.send("blocker")
    await says(first, "/healthz", "503", "event loop")
    await site.worker()
    jobs = await site.send("plain", 10)
    await site.until_empty()
    await says(first, "/healthz", "200")
    effects = await site.effects()
    assert set(effects) == {blocker, *jobs}
    assert all(len(attempts) == 1 for attempts in effects.values())
    assert await site.dead_letters() == []


async def test_a_process_that_stands_still_loses_its_job_and_does_nothing_twice(site: Site) -> None:
    """Another worker does the job meanwhile; the zombie finds that when it goes on."""
    first = await site.worker()
    (job,) = await site.send("slow")
    await says(first, "/metrics", "nightshift_jobs_in_flight 1.0")
    first.process.pause()
    await site.worker()
    await eventually(site.effects, what="the other has done it")
    first.process.resume()
    await says(first, "/metrics", 'outcome="duplicate",type="chaos.run"}')
    await site.until_empty()
    assert await site.effects() == {job: [1]}
    assert await site.dead_letters() == []


async def test_a_job_that_kills_its_worker_becomes_a_dead_letter_and_the_others_are_done(site: Site) -> None:
    """After the allowed deliveries it is not run any more; the service lives on."""
    worker = await site.worker()
    (killer,) = await site.send("killer")
    await eventually(lambda: worker.ends.get(KILLER_CODE, 0) >= 2, what="it is known as a suspect")
    jobs = await site.send("plain", 10)
    await site.until_empty(timeout_seconds=90)
    assert reasons(await site.dead_letters()) == {killer: "crash-loop"}
    assert set(await site.effects()) == set(jobs)
    crash_loop = BRISK.policies.crash_loop_after
    assert worker.ends == {KILLER_CODE: crash_loop}
    await says(worker, "/healthz", "200")


async def test_a_rolling_restart_under_load_loses_nothing_and_burns_no_attempt(site: Site) -> None:
    """Each worker ends with exit code 0 while jobs run; every job is done in its first attempt."""
    workers = [await site.worker(SLOTS="5", DRAIN_GRACE_SECONDS="1") for _ in range(2)]
    jobs = await site.send("slow", 40)
    for worker in workers:
        await says(worker, "/metrics", "nightshift_jobs_in_flight 5.0")
        worker.process.signal(signal.SIGTERM)
        assert await worker.process.wait(timeout_seconds=20) == 0
        await says(worker, "/readyz", "200")
    await site.until_empty()
    assert await site.effects() == {job: [1] for job in jobs}
    assert await site.dead_letters() == []
    assert not any(sum(worker.ends.values()) > 1 for worker in workers)


async def test_a_worker_that_is_killed_leaves_its_jobs_to_the_next(site: Site) -> None:
    """Killed with jobs in hand: all are done in their first attempt, since none of them failed."""
    worker = await site.worker(SLOTS="10")
    jobs = await site.send("slow", 10)
    await says(worker, "/metrics", "nightshift_jobs_in_flight 10.0")
    await worker.kill()
    await site.until_empty()
    assert await site.effects() == {job: [1] for job in jobs}


async def test_a_handler_that_hangs_holds_up_nobody_but_itself(site: Site) -> None:
    """It is cancelled at its timeout each time and ends as a dead letter; its neighbours run meanwhile."""
    await site.worker(SLOTS="5", JOB_TIMEOUT_SECONDS="1.5")
    (hanging,) = await site.send("hang")
    jobs: list[str] = []
    while not (letters := await site.dead_letters()):
        jobs += await site.send("plain", 2)
        await asyncio.sleep(0.2)
    await site.until_empty()
    assert reasons(letters) == {hanging: "attempts-exhausted"}
    assert "took longer than 1.5 s" in letters[0].headers["Dead-Error"]
    assert await site.effects() == {job: [1] for job in jobs}


async def test_a_redrive_of_a_job_that_was_done_after_all_changes_nothing(site: Site) -> None:
    """A zombie has left a dead letter beside the effect; sent to work again, the job is found done."""
    worker = await site.worker()
    (job,) = await site.send("plain")
    await site.until_empty()
    headers = {"Job-Id": job, "Dead-Reason": "attempts-exhausted", "Dead-Attempts": "4"}
    await site.publisher.store(OutboundMessage("dead.chaos.run", headers, b'{"kind":"plain"}'))
    (stored,) = await direct_get.page(site.connection, "CHAOS_DLQ", "dead.>")
    letter = letter_of(stored, "chaos")
    await site.publisher.store(copy_of(letter))
    await remove(site.connection, letter.place)
    await says(worker, "/metrics", 'outcome="duplicate",type="chaos.run"} 1.0')
    await site.until_empty()
    assert await site.effects() == {job: [1]}
    assert await site.dead_letters() == []
