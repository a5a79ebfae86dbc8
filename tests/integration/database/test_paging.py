"""Pages of a real table: every row once, in short transactions, whatever the work changes meanwhile."""

import inspect
import textwrap
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import RowMapping, delete, func, insert, select

import nightshift.messaging.paging
from nightshift.contract import wire
from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import outbox
from nightshift.messaging.job import Job
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, process_pages, table_pages
from nightshift.worker.commit import Committer
from schema.tables import activity_logs

BASE = datetime(2026, 3, 1, tzinfo=UTC)
BY_AGE = Keyset(activity_logs.c.created_at, activity_logs.c.id)
ROWS = 25


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """25 log entries, of which each five have the same time."""
    await migrate(url)
    opened = open_database(url)
    rows = [
        {"id": f"log-{number:02}", "action": "search", "created_at": BASE + timedelta(hours=number // 5)}
        for number in range(ROWS)
    ]
    async with opened.write() as connection:
        await connection.execute(delete(activity_logs))
        await connection.execute(delete(outbox))
        await connection.execute(insert(activity_logs), rows)
    yield opened
    await opened.close()


def _all() -> Any:
    return select(activity_logs.c.id, activity_logs.c.created_at)


async def _left(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(activity_logs.c.id).order_by(activity_logs.c.id))).scalars())


@pytest.mark.parametrize("size", [1, 4, 5, 25, 26])
async def test_every_row_is_on_one_page(database: Database, size: int) -> None:
    """Also where rows share the first part of the key, and where the last page is full."""
    pages = [page async for page in table_pages(database, _all(), BY_AGE, size=size)]
    assert [row["id"] for page in pages for row in page.rows] == [f"log-{number:02}" for number in range(ROWS)]
    assert max(len(page.rows) for page in pages) <= size
    assert [page.after for page in pages] == [None, *(page.last for page in pages[:-1])]


async def test_a_walk_goes_on_behind_a_key(database: Database) -> None:
    """A checkpoint is the key of the last row that was worked off."""
    after = (BASE + timedelta(hours=2), "log-12")
    pages = [page async for page in table_pages(database, _all(), BY_AGE, size=10, after=after)]
    assert [row["id"] for page in pages for row in page.rows] == [f"log-{number:02}" for number in range(13, ROWS)]


async def test_deleting_while_walking_skips_nothing(database: Database) -> None:
    """The mistake that paging by OFFSET makes: half of the rows would be left."""

    async def work(page: KeysetPage[RowMapping]) -> None:
        async with database.write() as connection:
            await connection.execute(delete(activity_logs).where(BY_AGE.within(page)))

    walk = await process_pages(table_pages(database, _all(), BY_AGE, size=4), work, limit=TimeLimit(60))
    assert (walk.rows, walk.done) == (ROWS, True)
    assert await _left(database) == []


async def test_a_page_is_the_stretch_of_its_rows(database: Database) -> None:
    """`within` meets the rows of a page and no other, at both of its ends."""
    pages = [page async for page in table_pages(database, _all(), BY_AGE, size=7)]
    for page in pages:
        async with database.read() as connection:
            found = await connection.execute(select(activity_logs.c.id).where(BY_AGE.within(page)))
            assert sorted(found.scalars()) == [row["id"] for row in page.rows]


async def test_no_transaction_is_open_while_a_page_is_worked_on(database: Database) -> None:
    """The work may take its time: what others commit meanwhile is on the next page."""

    async def work(page: KeysetPage[RowMapping]) -> None:
        if page.after is None:
            async with database.write() as connection:
                values = {"id": "new", "action": "search", "created_at": BASE + timedelta(days=1)}
                await connection.execute(insert(activity_logs), values)

    walk = await process_pages(table_pages(database, _all(), BY_AGE, size=20), work, limit=TimeLimit(60))
    assert walk.rows == ROWS + 1


async def test_one_column_is_a_keyset_too(database: Database) -> None:
    """A table is paged by its primary key."""
    by_id = Keyset(activity_logs.c.id)
    pages = [page async for page in table_pages(database, _all(), by_id, size=10, after=("log-03",))]
    assert [len(page.rows) for page in pages] == [10, 10, 1]
    assert pages[-1].last == ("log-24",)


async def test_the_example_of_the_docstring_works(database: Database) -> None:
    """With no time it does one page a job; each enqueues its successor, and the last finds nothing to do."""
    example = _example()
    old = [{"action": "search", "created_at": BASE - timedelta(minutes=number)} for number in range(1100)]
    async with database.write() as connection:
        await connection.execute(insert(activity_logs), old)
    message = example["ForgetSearches"](before=BASE + timedelta(hours=3))
    ids = ["first"]
    while len(ids) < 10:
        job = Job("history", "history.forget", ids[-1], wire.safe_token(ids[-1]))
        await example["forget_searches"](message, job, database=database, seconds=0)
        assert await Committer(database).commit(job)
        if not job.follow_ups:
            break
        ids.append(job.follow_ups[0].job_id or "")
    assert ids == ["first", "first~2", "first~3", "first~4"]
    assert await _left(database) == [f"log-{number:02}" for number in range(15, ROWS)]
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(outbox))).scalar() == 3


def _example() -> dict[str, Any]:
    """What the module's docstring shows, run as code."""
    code = textwrap.dedent((inspect.getdoc(nightshift.messaging.paging) or "").partition("Example::\n")[2])
    scope: dict[str, Any] = {
        **vars(nightshift.messaging.paging),
        "activity_logs": activity_logs,
        "delete": delete,
        "select": select,
    }
    scope |= {"datetime": datetime, "ClassVar": ClassVar}
    exec(code, scope)  # noqa: S102 - our own documentation
    return scope
