"""How one event becomes a job per account, in pages, each account once."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from contracts.sync import SyncAll, SyncExternal
from nightshift.contract.cron import ScheduleFired
from nightshift.database.tables import outbox
from nightshift.messaging.job import FollowUp, Job
from nightshift.outcomes import Permanent
from nightshift.worker.commit import Committer
from schema.tables import linked_accounts, users
from services.sync.fan_out import sync_all, sync_due
from tests.integration.services.sync.desk import Desk

NOW = datetime(2026, 3, 29, tzinfo=UTC)
EVENT = ScheduleFired(name="sync.all", schedule="0 */6 * * *", time_zone="UTC", due=NOW, announced=NOW)
RUN = "sync.all@2026-03-29T00:00:00Z"
PAGE = 50


async def link(desk: Desk, count: int, service: str = "feed", **row: Any) -> None:
    """So many users with an account each."""
    ids = [uuid4().hex for _ in range(count)]
    async with desk.database.write() as connection:
        await connection.execute(insert(users), [{"id": one, "email": f"{one}@example.com"} for one in ids])
        await connection.execute(insert(linked_accounts), [{"user_id": one, "service": service, **row} for one in ids])


async def work(desk: Desk, message: SyncAll, job_id: str) -> tuple[Sequence[FollowUp], bool]:
    """One delivery, committed: its follow-up jobs, and whether it was the first of this job."""
    job = Job(service="sync", type="sync.all", id=job_id, key=job_id)
    await sync_all(message, job, database=desk.database, services=desk.connectors.keys(), page_size=PAGE)
    return list(job.follow_ups), await Committer(desk.database).commit(job)


async def work_all(desk: Desk, message: SyncAll, job_id: str, *, deliveries: int = 1) -> list[FollowUp]:
    """Works off a run to its end, each of its jobs as often as it is delivered; returns the jobs of accounts."""
    jobs: list[FollowUp] = []
    waiting: list[tuple[SyncAll, str]] = [(message, job_id)]
    while waiting:
        message, job_id = waiting.pop()
        for _ in range(deliveries):
            follow_ups, committed = await work(desk, message, job_id)
            assert len(follow_ups) <= PAGE + 1, "a transaction must not grow with the number of accounts"
            for follow_up in follow_ups if committed else ():
                if isinstance(follow_up.message, SyncAll):
                    waiting.append((follow_up.message, follow_up.job_id or ""))
                else:
                    jobs.append(follow_up)
    return jobs


async def test_an_event_becomes_one_job_however_often_it_is_delivered(desk: Desk) -> None:
    """It only enqueues, under an id that nobody can guess."""
    for _ in range(3):
        job = Job(service="sync", type="cron.sync.all", id=RUN, key="~key")
        await sync_due(EVENT, job)
        await Committer(desk.database).commit(job)
    async with desk.database.read() as connection:
        rows = (await connection.execute(select(outbox.c.subject, outbox.c.headers))).all()
    assert [row.subject for row in rows] == ["jobs.sync.all"]
    assert rows[0].headers["Job-Id"].startswith("sync/cron.sync.all/~key/0/")


async def test_each_active_account_gets_one_job(desk: Desk) -> None:
    """Page after page, however often each job of the run is delivered; others get none."""
    await link(desk, 130)
    await link(desk, 43, "github")
    await link(desk, 9, status="revoked")
    await link(desk, 9, status="disabled")
    await link(desk, 9, "myspace")
    jobs = await work_all(desk, SyncAll(), RUN, deliveries=2)
    messages = [job.message for job in jobs if isinstance(job.message, SyncExternal)]
    assert Counter(message.service for message in messages) == {"feed": 130, "github": 43}
    assert len({message.user_id for message in messages}) == 173
    assert len({job.job_id for job in jobs}) == 173
    assert all(job.job_id and job.job_id.startswith(f"{RUN}/") for job in jobs)


async def test_a_run_of_one_service_leaves_the_others_alone(desk: Desk) -> None:
    """Asked for by a schedule of its own, or by hand."""
    await link(desk, 3)
    await link(desk, 2, "github")
    jobs = await work_all(desk, SyncAll(service="github"), "by-hand")
    assert [job.message.service for job in jobs if isinstance(job.message, SyncExternal)] == ["github", "github"]
    with pytest.raises(Permanent, match="no connector for 'myspace'"):
        await work(desk, SyncAll(service="myspace"), "typo")


async def test_two_runs_give_an_account_two_jobs(desk: Desk) -> None:
    """Six hours later it is another job."""
    await link(desk, 2)
    first, second = [await work_all(desk, SyncAll(), f"run-{number}") for number in range(2)]
    assert not {job.job_id for job in first} & {job.job_id for job in second}


async def test_accounts_that_come_and_go_meanwhile_spoil_nothing(desk: Desk) -> None:
    """Paging is by id: nobody is met twice, nobody skipped who stays."""
    await link(desk, 120)
    follow_ups, _ = await work(desk, SyncAll(), "run")
    async with desk.database.write() as connection:
        first = select(linked_accounts.c.id).order_by(linked_accounts.c.id).limit(30)
        await connection.execute(linked_accounts.delete().where(linked_accounts.c.id.in_(first)))
    successor = follow_ups[-1]
    assert isinstance(successor.message, SyncAll)
    rest = await work_all(desk, successor.message, successor.job_id or "")
    jobs = [job.job_id for job in [*follow_ups[:-1], *rest]]
    assert len(jobs) == len(set(jobs)) == 120


async def test_a_user_whose_id_fits_no_job_stops_nobody_else(desk: Desk) -> None:
    """The account is left out, with a line in the log."""
    await link(desk, 3)
    async with desk.database.write() as connection:
        await connection.execute(insert(users), {"id": "line\nbreak", "email": "x@example.com"})
        await connection.execute(insert(linked_accounts), {"user_id": "line\nbreak", "service": "feed"})
    assert len(await work_all(desk, SyncAll(), "run")) == 3


async def test_any_id_names_a_run(desk: Desk) -> None:
    """A job's id may be anything; what accounts' jobs are called stays short."""
    await link(desk, 1)
    job = Job(service="sync", type="sync.all", id="ü" * 5000, key="~hash")
    await sync_all(SyncAll(), job, database=desk.database, services=["feed"])
    assert (job.follow_ups[0].job_id or "").startswith("~hash/")
