"""Two runs at one account at a time spoil neither its checkpoint nor its removals."""

import asyncio
from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from contracts.sync import SyncExternal
from demo.sites.github_api import repository
from demo.sites.http_site import Reply, Request
from nightshift.outcomes import Skip, Snooze
from nightshift.testing import perform_job
from nightshift.worker.policies import JobLimits
from services.sync.handlers import sync_external
from services.sync.metrics import SyncMetrics
from services.sync.sync_run import LEASE
from tests.integration.services.sync.desk import Desk


class Gate:
    """Holds the answer to one page until it is opened."""

    def __init__(self, desk: Desk, page: str) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self._page, self._respond = page, desk.github_site._respond
        desk.github_site._respond = self.respond

    async def respond(self, request: Request) -> Reply | bytes:
        """Answers, but for the first request for the page not before the gate is open."""
        if request.query("page", "1") == self._page and not self.reached.is_set():
            self.reached.set()
            await self.open.wait()
        return await self._respond(request)


async def test_a_second_job_waits_for_the_first(desk: Desk) -> None:
    """It asks the service for nothing, and its turn costs it no attempt."""
    message = await desk.link()
    gate = Gate(desk, "2")
    first = asyncio.create_task(desk.run(message, job_id="cron"))
    await gate.reached.wait()
    with pytest.raises(Snooze, match="another job is syncing") as snooze:
        await desk.run(message, job_id="by-hand")
    assert timedelta(0) < snooze.value.delay <= timedelta(seconds=15)
    gate.open.set()
    await first
    assert desk.pages() == ["1", "2", "3"]
    await desk.run(message, job_id="by-hand")
    assert len(await desk.records(message)) == 250


async def test_a_run_that_was_given_up_for_dead_writes_nothing(desk: Desk) -> None:
    """Its job went on elsewhere: when its own answer comes at last, it is not stored."""
    message = await desk.link()
    gate = Gate(desk, "2")
    zombie = asyncio.create_task(desk.run(message, job_id="one"))
    await gate.reached.wait()
    desk.github.accounts["ada"] = [repository(number) for number in range(250) if number != 120]
    await desk.run(message, job_id="one")
    assert len(await desk.records(message)) == 249
    before = await desk.account(message)
    gate.open.set()
    with pytest.raises(Snooze, match="another run continues"):
        await zombie
    assert await desk.account(message) == before
    assert len(await desk.records(message)) == 249


async def test_of_two_deliveries_of_one_job_the_later_one_goes_on(desk: Desk) -> None:
    """While it is still under way, the earlier one's answer comes: nothing of that is stored, and nothing disturbed."""
    message = await desk.link()
    first, second = Gate(desk, "2"), Gate(desk, "3")
    earlier = asyncio.create_task(desk.run(message, job_id="one"))
    await first.reached.wait()
    later = asyncio.create_task(desk.run(message, job_id="one"))
    await second.reached.wait()
    before = await desk.account(message)
    first.open.set()
    with pytest.raises(Snooze, match="another run continues"):
        await earlier
    assert await desk.account(message) == before
    second.open.set()
    await later
    assert desk.pages() == ["1", "2", "2", "3"]
    assert len(await desk.records(message)) == 250


async def test_an_account_is_not_held_for_ever(desk: Desk) -> None:
    """A job whose worker died, and that nobody delivers again, keeps others out for minutes only."""
    message = await desk.link()
    gate = Gate(desk, "2")
    lost = asyncio.create_task(desk.run(message, job_id="lost"))
    await gate.reached.wait()
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    with pytest.raises(Snooze):
        await desk.run(message)
    desk.later = LEASE + timedelta(seconds=1)
    await desk.run(message)
    assert desk.pages() == ["1", "2", "2", "3"]


async def test_an_account_unlinked_meanwhile_is_left_alone(desk: Desk) -> None:
    """The row is gone when the page comes: there is nothing to do any more, and nothing is written."""
    message = await desk.link()
    gate = Gate(desk, "2")
    running = asyncio.create_task(desk.run(message))
    await gate.reached.wait()
    await desk.change(message, status="disabled")
    gate.open.set()
    with pytest.raises(Skip, match="unlinked or switched off"):
        await running
    assert len(await desk.records(message)) == 100


async def test_many_jobs_of_one_account_end_with_the_truth(desk: Desk) -> None:
    """While repositories come and go, five jobs take turns; in the end the table has what there is."""
    message = await desk.link()
    numbers = count(1000)

    def change(_: Request) -> None:
        desk.github.accounts["ada"] = [*desk.github.accounts["ada"][1:], repository(next(numbers))]

    desk.github.before = change
    async with asyncio.TaskGroup() as group:
        for job in range(5):
            group.create_task(until_done(desk, message, f"job-{job}"))
    desk.github.before = None
    await desk.run(message)
    there = {str(one["id"]) for one in desk.github.accounts["ada"]}
    assert (await desk.records(message)).keys() == there


async def until_done(desk: Desk, message: SyncExternal, job_id: str) -> None:
    """Runs a job again whenever it waits for its turn, as the broker would a little later."""
    while True:
        try:
            return await desk.run(message, job_id=job_id)
        except Snooze:
            await asyncio.sleep(0.005)


async def test_a_job_delivered_again_after_its_commit_leaves_the_account_alone(desk: Desk) -> None:
    """It takes no lease that nobody would give back: the next job finds the account free."""
    message = await desk.link()
    await desk.run(message, job_id="one")
    with pytest.raises(Skip, match="done by another delivery"):
        await desk.run(message, job_id="one")
    await desk.run(message, job_id="two")
    assert (await desk.account(message))["generation"] == 2


@pytest.mark.parametrize("end", ["timeout", "bug"])
async def test_an_account_is_free_however_its_job_ends(desk: Desk, end: str) -> None:
    """Cancelled in the middle of a page, or by an error that nobody foresaw: the next job goes on at once."""
    message = await desk.link()
    gate = Gate(desk, "2")
    metrics = SyncMetrics(desk.connectors if end == "timeout" else [])
    handler = partial(
        sync_external,
        database=desk.database,
        connectors=desk.connectors,
        metrics=metrics,
        run_seconds=60.0,
        keys=lambda: desk.keys,
    )
    limits = JobLimits(timeout_seconds=1.0)
    result = await perform_job(handler, message, database=desk.database, limits=limits)
    assert result.outcome == "retry"
    assert gate.reached.is_set() == (end == "timeout")
    gate.open.set()
    await desk.run(message)
    assert len(await desk.records(message)) == 250
