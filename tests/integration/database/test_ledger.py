"""The ledger: the inbox row of a job says how it ended, and what it returned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert

from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox, processed_messages
from nightshift.housekeeping.inbox_retention import forget_old_results
from nightshift.housekeeping.tally import Tally
from nightshift.messaging import ledger
from nightshift.messaging.job import MAX_RESULT_BYTES, Job
from nightshift.messaging.ledger import LedgerEntry, LedgerFilter
from nightshift.messaging.paging import TimeLimit
from nightshift.outcomes import Skip
from nightshift.testing import perform_job
from tests.harness import FollowProbe

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROBE = FollowProbe(name="probe")


@pytest.fixture(autouse=True)
async def _empty(database: Database) -> None:
    async with database.write() as connection:
        for table in (outbox, processed_messages):
            await connection.execute(delete(table))


async def entry(database: Database, job_id: str) -> LedgerEntry:
    """The ledger's entry of a job of the probe's type."""
    found = await ledger.find(database, PROBE.TYPE, job_id)
    assert found is not None
    return found


async def test_a_result_is_committed_with_its_job(database: Database) -> None:
    """Beside the attempt that succeeded, its time, and whose job it was."""

    async def work(_: FollowProbe, job: Job) -> None:
        job.result = {"pages": 3, "title": "Grüße"}

    performed = await perform_job(work, PROBE, database=database, job_id="a", attempt=2, headers={wire.TENANT: "acme"})
    found = await entry(database, "a")
    assert performed.result == found.result == {"pages": 3, "title": "Grüße"}
    assert (found.outcome, found.attempt, found.tenant) == ("done", 2, "acme")
    assert found.took_ms is not None
    assert 0 <= found.took_ms < 60_000


@pytest.mark.parametrize("value", [0, False, "", [], {}, "\0", "\N{GRINNING FACE}", 1.5, [None]])
async def test_a_result_may_be_any_json(database: Database, value: Any) -> None:
    """What JSON tells apart, the ledger does."""

    async def work(_: FollowProbe, job: Job) -> None:
        job.result = value

    await perform_job(work, PROBE, database=database, job_id="b")
    assert (await entry(database, "b")).result == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("x" * MAX_RESULT_BYTES, "the result has 16,386 bytes, at most 16,384 are kept: put it in an object"),
        (object(), "Encoding objects of type object is unsupported"),
        ("\ud800", "surrogates not allowed"),
    ],
    ids=["long", "no JSON", "no text"],
)
async def test_what_is_no_result_fails_the_line_that_sets_it(database: Database, value: Any, says: str) -> None:
    """The handler may catch it; else it is a failed attempt, and nothing is committed."""

    async def work(_: FollowProbe, job: Job) -> None:
        job.result = value

    performed = await perform_job(work, PROBE, database=database, job_id="c")
    assert performed.outcome == "retry"
    assert says in str(performed.exception)
    assert await ledger.find(database, PROBE.TYPE, "c") is None


async def test_a_skipped_job_says_so(database: Database) -> None:
    """What it had recorded before is dropped, its result with it."""

    async def work(_: FollowProbe, job: Job) -> None:
        job.result = 1
        raise Skip("nothing to do")

    await perform_job(work, PROBE, database=database, job_id="d")
    found = await entry(database, "d")
    assert (found.outcome, found.result) == ("skipped", None)


async def test_follow_ups_are_their_parents_tenants(database: Database) -> None:
    """However long the chain is: each job hands it on."""

    async def work(_: FollowProbe, job: Job) -> None:
        job.enqueue(PROBE)

    performed = await perform_job(work, PROBE, database=database, headers={wire.TENANT: "acme"})
    assert [job.headers[wire.TENANT] for job in performed.follow_ups] == ["acme"]


@pytest.mark.parametrize("tenant", ["\0", "x" * 3_000, "\udcff", "Ада"])
async def test_a_tenant_is_stored_whatever_it_is(database: Database, tenant: str) -> None:
    """One that a store would refuse is its safe token, as with ids."""

    async def work(_: FollowProbe, _job: Job) -> None:
        pass

    performed = await perform_job(work, PROBE, database=database, job_id="e", headers={wire.TENANT: tenant})
    assert performed.outcome == "done"
    assert (await entry(database, "e")).tenant == wire.storable_id(tenant)


@pytest.fixture
async def filled(database: Database) -> Database:
    """Twelve jobs, a minute apart but for the first three, from noon on."""
    rows = [
        {
            "consumer": job_type.partition(".")[0],
            "type": job_type,
            "id": f"{number:02}",
            "processed_at": NOON + MINUTE * max(0, number - 2),
            "tenant": "acme" if number % 2 else None,
            "outcome": "skipped" if number == 4 else None,
            "result": '"kept"' if number in {1, 11} else None,
        }
        for number, job_type in enumerate(["email.send", "email.send", "report.daily", "email_x.send"] * 3)
    ]
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), rows)
    return database


async def ids(database: Database, *, limit: int | None = None, size: int = 5, **wanted: Any) -> list[str]:
    """The ids that a filter finds, in their order."""
    found = ledger.newest(database, LedgerFilter(**wanted), limit=limit, size=size)
    return [one.job_id async for one in found]


@pytest.mark.parametrize("size", [1, 2, 5, 12, 500])
async def test_pages_of_any_size_tell_every_job_once_the_newest_first(filled: Database, size: int) -> None:
    """Jobs that were committed together have one time."""
    found = await ids(filled, size=size)
    assert sorted(found) == [f"{number:02}" for number in range(12)]
    assert found[:9] == [f"{number:02}" for number in range(11, 2, -1)]
    assert await ids(filled, size=size, limit=3) == ["11", "10", "09"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"type": "report.daily"}, ["10", "06", "02"]),
        ({"type": "email.*", "limit": 3}, ["09", "08", "05"]),
        ({"type": "email_*"}, ["11", "07", "03"]),
        ({"type": "%"}, []),
        ({"tenant": "acme", "limit": 2}, ["11", "09"]),
        ({"outcome": "skipped"}, ["04"]),
        ({"outcome": "done", "since": NOON + MINUTE, "until": NOON + 3 * MINUTE}, ["03"]),
        ({"since": NOON + 9 * MINUTE}, ["11"]),
    ],
)
async def test_a_filter_finds_what_it_says(filled: Database, wanted: dict[str, Any], found: list[str]) -> None:
    """By type, tenant, outcome and time; the beginning belongs to a time, its end does not."""
    assert await ids(filled, **wanted) == found


async def test_results_are_forgotten_earlier_than_their_jobs(filled: Database) -> None:
    """In pages, by time."""
    tally = Tally(database=filled)
    assert await forget_old_results(tally, NOON + MINUTE, limit=TimeLimit(60), size=1)
    assert tally.deleted == {"results": 1}
    kept = [one.job_id async for one in ledger.newest(filled, LedgerFilter()) if one.result is not None]
    assert (len(await ids(filled)), kept) == (12, ["11"])
