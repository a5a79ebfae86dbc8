"""Reports on a database of realistic size: right, quick, and without loading it."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from demo.sample_rows import SHARES, World, rows_of
from demo.seed import seed
from nightshift.database import Database, migrate, open_database, sqlite_url
from tests.integration.services.report.desk import Desk, settings

ROWS = 100_000
NOW = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = timedelta(days=7)
MEBIBYTE = 1024 * 1024
KINDS = ["weekly-summary", "user-activity", "storage-usage"]


@pytest.fixture(scope="module")
async def large(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A hundred thousand rows."""
    address = sqlite_url(tmp_path_factory.mktemp("large") / "nightshift.db")
    await migrate(address)
    database = open_database(address)
    await seed(database, rows=ROWS, seed=1, now=NOW)
    yield database
    await database.close()


async def test_figures_are_those_of_the_rows(large: Database) -> None:
    """Counted again from the rows that were written, one by one."""
    world = World(1, NOW, int(ROWS * SHARES["users"][2]))

    def count(table: str, column: str) -> int:
        rows = rows_of(table, world, int(ROWS * SHARES[table][2]))
        return sum(1 for row in rows if NOW - WEEK <= row[column] < NOW)

    desk = Desk(large)
    await desk.ask("counted", created_at=NOW)
    await desk.make("counted")
    sheet = desk.objects.contents["reports/counted/report.csv"][1].decode("utf-8-sig").splitlines()
    totals = {cells[0]: int(cells[2]) for cells in (line.split(",") for line in sheet[1:]) if not cells[1]}
    assert totals["New users"] == count("users", "created_at")
    assert totals["Uploads"] == count("files", "created_at")
    assert totals["Mails sent"] == count("email_deliveries", "sent_at")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_report_does_not_load_the_database(large: Database, kind: str) -> None:
    """Memory grows with what the report shows, not with what it counts; the page stays small."""
    desk = Desk(large)
    await desk.ask(kind, kind=kind, created_at=NOW)
    tracemalloc.start()
    try:
        await desk.make(kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEBIBYTE
    assert len(desk.objects.contents[f"reports/{kind}/report.html"][1]) < 100_000


async def test_others_can_write_while_a_report_reads(large: Database) -> None:
    """It reads in a snapshot and holds up nobody: all three at once, and a row is written meanwhile."""
    desk = Desk(large)
    for kind in KINDS:
        await desk.ask(f"busy-{kind}", kind=kind, created_at=NOW)
    reports = [asyncio.create_task(desk.make(f"busy-{kind}")) for kind in KINDS]
    started = time.monotonic()
    await desk.ask("meanwhile")
    assert time.monotonic() - started < 5
    await asyncio.gather(*reports)
    assert {(await desk.row(f"busy-{kind}"))["status"] for kind in KINDS} == {"done"}


async def test_a_sheet_has_at_most_as_many_rows_as_the_settings_say(large: Database) -> None:
    """And the page says that there are more."""
    desk = Desk(large, settings=settings(report_rows=25))
    await desk.ask("short", kind="user-activity", created_at=NOW)
    await desk.make("short")
    assert len(desk.objects.contents["reports/short/report.csv"][1].splitlines()) == 26
    page = desk.objects.contents["reports/short/report.html"][1].decode()
    assert "more were active; the CSV file has the next 5." in page
