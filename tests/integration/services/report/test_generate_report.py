"""What becomes of a report that is asked for."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from contracts.email import Attachment
from nightshift.database import Database
from nightshift.outcomes import Permanent, Unavailable
from schema.tables import users
from services.report.handlers import ReportTimeoutError
from services.report.queries import repository
from services.report.queries.repository import ReportNotFoundError
from services.report.registry import Kind
from tests.integration.services.report.desk import NOW, Desk, settings

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    """An empty one."""
    return Desk(database)


@pytest.mark.parametrize("kind", ["weekly-summary", "user-activity", "storage-usage"])
async def test_a_report_is_stored_noted_and_announced(desk: Desk, kind: str) -> None:
    """Page and table as objects, their keys on the row, and a mail with both to who asked."""
    await desk.ask(kind=kind)
    await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"], row["finished_at"]) == ("done", None, NOW)
    keys = [row["html_key"], row["csv_key"]]
    assert keys == ["reports/report-1/report.html", "reports/report-1/report.csv"]
    assert [desk.objects.contents[key][0].content_type for key in keys] == [
        "text/html; charset=utf-8",
        "text/csv; charset=utf-8",
    ]
    (mail,) = await desk.mails()
    assert mail.to == "ada@example.com"
    names = [f"{kind}-2026-11-23.html", f"{kind}-2026-11-23.csv"]
    assert mail.attachments == tuple(Attachment(key=key, file_name=name) for key, name in zip(keys, names, strict=True))


async def test_a_repeated_run_stores_the_same_under_the_same_keys(desk: Desk) -> None:
    """Later, in another process, with other dead letters: what the first run saw is on the row."""
    await desk.ask()
    await desk.make()
    first = {key: data for key, (_, data) in desk.objects.contents.items()}
    desk.dead_letters.waiting = {"sync.external": 99}
    await desk.make(now=LATER)
    assert {key: data for key, (_, data) in desk.objects.contents.items()} == first
    assert desk.dead_letters.counted == 1
    assert (await desk.row())["status"] == "done"


async def test_a_report_is_announced_under_one_id_however_often_it_is_made(desk: Desk) -> None:
    """So the email service sends it once."""
    await desk.ask()
    await desk.make()
    await desk.make()
    (job_id,) = {job_id for _, job_id, _ in await desk.follow_ups()}
    assert re.fullmatch(r"report-ready/report-1/[0-9a-f]{16}", job_id)


async def test_an_id_that_no_key_can_hold_has_one_of_its_own(desk: Desk) -> None:
    """It names no folder above, and meets no other report."""
    await desk.ask("../été")
    await desk.make("../été")
    key = (await desk.row("../été"))["html_key"]
    assert key.startswith("reports/~")
    assert key.count("/") == 2


async def test_who_asked_is_told_at_their_own_address(desk: Desk) -> None:
    """Where the row names none."""
    async with desk.database.write() as connection:
        await connection.execute(insert(users), {"id": "user-7", "email": "grace@example.com"})
    await desk.ask(requester_email=None, requested_by="user-7")
    await desk.make()
    assert [mail.to for mail in await desk.mails()] == ["grace@example.com"]


async def test_a_report_that_nobody_asked_for_is_only_stored(desk: Desk) -> None:
    """A row without user and address."""
    await desk.ask(requester_email="")
    await desk.make()
    assert await desk.mails() == []
    assert (await desk.row())["status"] == "done"


async def test_an_address_that_is_none_does_not_cost_the_report(desk: Desk) -> None:
    """It is stored, and its row says that nobody was told."""
    await desk.ask(requester_email="ada at example.com")
    await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"]) == (
        "done",
        "no notification was sent: 'ada at example.com' is not an email address",
    )
    assert await desk.mails() == []


async def test_with_an_address_of_the_application_the_mail_links_there(desk: Desk) -> None:
    """And carries nothing."""
    desk.settings = settings(report_url="https://app.example.com/reports")
    await desk.ask()
    await desk.make()
    (mail,) = await desk.mails()
    assert 'href="https://app.example.com/reports/report-1"' in mail.body
    assert mail.attachments == ()


async def test_a_row_that_is_not_there_yet_is_tried_again(desk: Desk) -> None:
    """No Permanent: its producer's transaction may still be open."""
    with pytest.raises(ReportNotFoundError, match="no report has the id 'not-yet'"):
        await desk.make("not-yet")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "weekly-sumary"}, "report 'report-1' cannot be made: there is no kind of report 'weekly-sumary'"),
        ({"parameters": {"days": 1000}}, r"report 'report-1' cannot be made: its parameters are wrong: .*\$.days"),
    ],
)
async def test_what_cannot_be_made_is_a_dead_letter_and_its_row_says_why(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    """At once, with the same words in both places, and nothing is stored."""
    await desk.ask(**changes)
    with pytest.raises(Permanent, match=reason) as refusal:
        await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"], row["finished_at"]) == ("failed", str(refusal.value), NOW)
    assert desk.objects.contents == {}
    assert await desk.follow_ups() == []


async def test_a_redrive_after_the_cause_is_gone_leaves_a_sound_row(desk: Desk) -> None:
    """The error is forgotten."""
    await desk.ask(kind="weekly")
    with pytest.raises(Permanent):
        await desk.make()
    await desk.change(kind="weekly-summary")
    await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"]) == ("done", None)


async def test_a_late_failure_does_not_undo_a_success(desk: Desk) -> None:
    """Of two deliveries, the one that fails after the other has committed changes nothing."""
    await desk.ask(kind="weekly")
    await desk.change(status="done", html_key="reports/report-1/report.html")
    with pytest.raises(Permanent):
        await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"]) == ("done", None)


@pytest.mark.parametrize(("is_last", "status"), [(False, "pending"), (True, "failed")])
async def test_an_attempt_that_fails_is_the_rows_end_only_when_it_is_the_last(
    desk: Desk,
    is_last: bool,  # noqa: FBT001 - a table
    status: str,
) -> None:
    """Before, the report waits for the next attempt. The row has the error in both cases."""

    async def fails(*_: object) -> None:
        raise RuntimeError("a mistake of ours\nin two lines")

    desk.kinds = {"weekly-summary": Kind(fails, 7)}  # type: ignore[arg-type]  # it returns nothing
    await desk.ask()
    with pytest.raises(RuntimeError):
        await desk.make(is_last_attempt=is_last)
    row = await desk.row()
    assert (row["status"], row["error"]) == (status, "RuntimeError: a mistake of ours")


@pytest.mark.parametrize(("is_last", "status"), [(False, "pending"), (True, "failed")])
async def test_a_report_that_takes_too_long_does_not_stay_running(
    desk: Desk,
    is_last: bool,  # noqa: FBT001 - a table
    status: str,
) -> None:
    """It gives up a little before its worker would cancel it, while it can still say so."""

    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    desk.kinds = {"weekly-summary": Kind(hangs, 7)}  # type: ignore[arg-type]  # it never returns
    await desk.ask()
    async with asyncio.timeout(5):
        with pytest.raises(ReportTimeoutError, match=r"it was not made within 0\.18 s"):
            await desk.make(is_last_attempt=is_last, timeout=timedelta(seconds=0.2))
    row = await desk.row()
    assert (row["status"], row["error"]) == (status, "ReportTimeoutError: it was not made within 0.18 s")


async def test_an_outage_is_no_fault_of_the_report(desk: Desk) -> None:
    """Even at the last attempt: it waits, and its row does not say failed."""
    await desk.ask()
    desk.objects.unavailable = "no route"
    with pytest.raises(Unavailable, match="objects"):
        await desk.make(is_last_attempt=True)
    row = await desk.row()
    assert (row["status"], "no route" in row["error"]) == ("pending", True)
    desk.objects.unavailable = ""
    await desk.make()
    row = await desk.row()
    assert (row["status"], row["error"]) == ("done", None)


async def test_only_the_weekly_summary_asks_the_broker(desk: Desk) -> None:
    """The others are made while it is away."""
    desk.dead_letters.refusal = Unavailable("broker", "no route")
    await desk.ask("activity", kind="user-activity")
    await desk.make("activity")
    await desk.ask("weekly")
    with pytest.raises(Unavailable, match="broker"):
        await desk.make("weekly")


async def test_dead_letters_are_compared_with_the_weekly_report_before(desk: Desk) -> None:
    """With what that one saw, a week ago; a report of yesterday is not the week before."""
    await desk.ask("old", created_at=NOW - timedelta(days=7))
    await desk.make("old")
    desk.dead_letters.waiting = {"email.send": 50}
    await desk.ask("yesterday", created_at=NOW - timedelta(days=1))
    await desk.make("yesterday")
    desk.dead_letters.waiting = {"email.send": 5}
    await desk.ask("new")
    await desk.make("new")
    page = desk.objects.contents["reports/new/report.html"][1].decode()
    assert "3 new since the previous report" in page
    assert " from 2</p>" in page


async def test_of_two_deliveries_at_once_both_show_what_the_first_has_noted(desk: Desk) -> None:
    """Both have found the row empty and looked at the broker; the one that is later takes the other's word."""
    await desk.ask()
    found = await repository.find(desk.database, "report-1")
    seen = [await desk.dead_letters.count(NOW), await desk.dead_letters.count(LATER)]
    assert [await repository.start(desk.database, found, each) for each in seen] == [seen[0], seen[0]]
    assert (await repository.find(desk.database, "report-1")).parameters["deadLetters"][
        "seenAt"
    ] == "2026-11-23T09:00:05Z"


async def test_what_was_asked_for_stays_beside_what_was_seen(desk: Desk) -> None:
    """The row's parameters are kept as they were."""
    await desk.ask(parameters={"days": 3, "theirs": "kept"})
    await desk.make()
    parameters = (await desk.row())["parameters"]
    assert (parameters["days"], parameters["theirs"]) == (3, "kept")
    assert parameters["deadLetters"]["waiting"] == {"email.send": 2}
