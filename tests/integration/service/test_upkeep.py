"""Upkeep by a service of one's own: what Nightshift keeps is removed at its age, and nothing before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from nightshift import ScheduleFired, Service
from nightshift.contract.catalogue import SHORT_SECONDS
from nightshift.contract.declaration import DeclarationError
from nightshift.database import Database
from nightshift.database.tables import crash_marks, processed_messages
from nightshift.objects.absent import AbsentObjectStore
from nightshift.testing import FakeObjectStore, perform_job, route_of, temporary_database

NOW = datetime.now(UTC)
shop = Service("shop")
shop.upkeep("0 3 * * *", time_zone="Europe/Berlin")
KEEP_UP = shop.messages["shop.upkeep"]


async def _fill(database: Database) -> None:
    ages = {"young": 1, "middle": 30, "old": 61}
    rows = [
        {
            "consumer": "shop",
            "type": "shop.any",
            "id": name,
            "processed_at": NOW - timedelta(days=days),
            "outcome": "done",
            "result": b'{"a": 1}',
        }
        for name, days in ages.items()
    ]
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), rows)


async def _inbox(database: Database) -> dict[str, bool]:
    """Which rows there are of the jobs, and whether they have their results."""
    table = processed_messages.c
    async with database.read() as connection:
        rows = await connection.execute(select(table.id, table.result).where(table.type == "shop.any"))
        return {row.id: row.result is not None for row in rows}


async def test_rows_results_and_bodies_go_at_their_age(tmp_path: Path) -> None:
    """Inbox rows after 60 days, results after 7, bodies at the date in their key; the rest stays."""
    objects = FakeObjectStore()
    for day in (NOW - timedelta(days=2), NOW + timedelta(days=40)):
        await objects.put(f"claims/{day:%Y-%m-%d}/{day.day:064}", b"{}", "application/json")
    await objects.put("invoices/1", b"mine", "text/plain")
    async with temporary_database(tmp_path, schema="none") as database:
        await _fill(database)
        route = route_of(shop, KEEP_UP, database=database, objects=objects)
        done = await perform_job(route, KEEP_UP(), database=database)
        left = await _inbox(database)
    assert (done.outcome, left) == ("done", {"young": True, "middle": False})
    kept = [one.key async for one in objects.list("")]
    assert len(kept) == 2
    assert "invoices/1" in kept


async def test_a_service_without_objects_keeps_up_its_tables(tmp_path: Path) -> None:
    """There is nothing at an object store that it does not have."""
    async with temporary_database(tmp_path, schema="none") as database:
        await _fill(database)
        route = route_of(shop, KEEP_UP, database=database, objects=AbsentObjectStore())
        assert (await perform_job(route, KEEP_UP(), database=database)).outcome == "done"
        assert "old" not in await _inbox(database)
        async with database.read() as connection:
            assert (await connection.execute(select(crash_marks))).all() == []


async def test_the_schedule_becomes_one_job_per_due_time(tmp_path: Path) -> None:
    """Which no producer may publish, and which leaves the queue to be emptied in bulk."""
    event = ScheduleFired(name="shop.upkeep", schedule="0 3 * * *", time_zone="UTC", due=NOW, announced=NOW)
    async with temporary_database(tmp_path, schema="none") as database:
        told = await perform_job(route_of(shop, "cron.shop.upkeep", database=database), event, database=database)
    assert [(job.job_type, job.job_id) for job in told.follow_ups] == [("shop.upkeep", f"{NOW:%Y%m%dT%H%M%SZ}")]
    assert "shop.upkeep" in shop.internal
    assert (KEEP_UP.TIMEOUT_SECONDS or 0) <= SHORT_SECONDS
    (schedule,) = shop.schedules
    assert (schedule.time_zone, schedule.place.split(":")[0].endswith("test_upkeep.py")) == ("Europe/Berlin", True)


def test_an_age_at_which_a_redrive_would_do_it_again_is_refused() -> None:
    """Dead letters are kept for 30 days."""
    with pytest.raises(DeclarationError, match=r"inbox_days=30.*expected 45 or more"):
        Service("desk").upkeep(inbox_days=30)
