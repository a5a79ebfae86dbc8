"""What an event of the schedule `report.weekly` leads to."""

from datetime import UTC, datetime, timedelta

import pytest

from nightshift.database import Database
from nightshift.outcomes import Permanent
from tests.integration.services.report.desk import Desk, settings

DUE = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday."""


@pytest.fixture
def desk(database: Database) -> Desk:
    """An empty one."""
    return Desk(database)


async def test_an_event_asks_for_the_report_of_the_days_that_are_over(desk: Desk) -> None:
    """A row whose id follows from the due time, and a job; no work is done."""
    await desk.fire(DUE)
    (row,) = await desk.rows()
    assert (row["id"], row["kind"], row["status"]) == ("weekly-20261123T090000Z", "weekly-summary", "pending")
    assert (row["requester_email"], row["requested_by"], row["created_at"]) == ("admin@example.com", None, DUE)
    ((subject, _, body),) = await desk.follow_ups()
    assert (subject, body) == ("jobs.report.generate", b'{"reportId":"weekly-20261123T090000Z"}')
    assert desk.objects.contents == {}


async def test_the_report_is_about_the_week_before_its_due_time(desk: Desk) -> None:
    """Monday to Sunday, whatever time of Monday it is due and however late it is made."""
    await desk.fire(DUE)
    await desk.make("weekly-20261123T090000Z", now=DUE + timedelta(days=2))
    (mail,) = await desk.mails()
    assert mail.to == "admin@example.com"
    assert mail.subject == "Acme: weekly summary, 16 to 22 November 2026"
    assert "Users in all" in mail.body


async def test_its_days_are_those_of_the_schedules_time_zone(desk: Desk) -> None:
    """Due at midnight in Berlin, which is Sunday in UTC: the week ends there, and not a day earlier."""
    await desk.fire(datetime(2026, 11, 22, 23, tzinfo=UTC), "Europe/Berlin")
    await desk.make("weekly-20261122T230000Z")
    (mail,) = await desk.mails()
    assert "16 to 22 November 2026" in mail.subject


async def test_the_same_due_time_has_one_report_however_often_it_is_announced(desk: Desk) -> None:
    """A second event (asked for by hand, or after a restore) finds the row and leaves it as it is."""
    await desk.fire(DUE)
    await desk.make("weekly-20261123T090000Z")
    await desk.fire(DUE)
    (row,) = await desk.rows()
    assert row["status"] == "done"


async def test_each_due_time_has_its_report(desk: Desk) -> None:
    """Twice a week is twice."""
    await desk.fire(DUE)
    await desk.fire(DUE + timedelta(days=3))
    assert len(await desk.rows()) == 2


async def test_without_an_administrator_the_report_is_made_all_the_same(desk: Desk) -> None:
    """It is stored, nobody is told, and the result of its job says so to whoever asked for it."""
    desk.settings = settings(admin_email=None)
    await desk.fire(DUE)
    result = await desk.make("weekly-20261123T090000Z")
    assert (await desk.rows())[0]["status"] == "done"
    assert result["mailed"] is False
    assert await desk.mails() == []


async def test_an_event_of_no_time_zone_is_a_dead_letter(desk: Desk) -> None:
    """Typed by hand: waiting would not make it one."""
    with pytest.raises(Permanent, match="no time zone 'Mars/Base'"):
        await desk.fire(DUE, "Mars/Base")
