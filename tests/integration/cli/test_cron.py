"""`nightshift cron`: the timetable, what was announced, asking for an event, pausing a schedule."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from nightshift.contract.cron import ScheduleFired
from nightshift.topology import schedule_pauses
from tests.harness import stored
from tests.integration.cli.desk import Desk

DUE = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def announce(desk: Desk, due: datetime = DUE) -> None:
    """Publishes an event as the scheduler does."""
    event = ScheduleFired(name="sync.all", schedule="0 */6 * * *", time_zone="UTC", due=due, announced=due)
    await desk.connection.jetstream().publish("cron.sync.all", msgspec.json.encode(event))


async def test_every_schedule_is_listed_with_its_last_and_next_due_time(desk: Desk) -> None:
    """The broker says what was announced, the timetable what comes."""
    await announce(desk)
    said = await desk.run("cron", "list")
    line = next(line for line in said.out.splitlines() if line.startswith("sync.all"))
    assert "2026-07-01 12:00:00Z" in line
    rows = {row["name"]: row for row in (await desk.run("cron", "list", "--json")).json}
    assert set(rows) == {"sync.all", "cleanup.daily", "report.weekly"}
    assert (rows["sync.all"]["lastDue"], rows["cleanup.daily"]["lastDue"]) == ("2026-07-01T12:00:00Z", None)
    assert datetime.fromisoformat(rows["sync.all"]["nextDue"]) > datetime.now(UTC)


async def test_next_due_times_are_said_in_both_zones(desk: Desk, tmp_path: Path) -> None:
    """In UTC, and as the clock shows them where the schedule lives; schedules of the settings file count."""
    file = tmp_path / "schedules.toml"
    file.write_text(
        '[[schedules]]\nname="sync.noon"\nschedule="0 12 * * *"\ntime_zone="Asia/Tokyo"\n', encoding="utf-8"
    )
    said = await desk.run("cron", "next", "sync.noon", "--count", "2", "--json", environ={"SCHEDULES_FILE": str(file)})
    first, second = said.json
    assert (datetime.fromisoformat(first["due"]).hour, "12:00:00+0900" in first["local"]) == (3, True)
    assert first["due"] < second["due"]


async def test_the_history_is_what_was_announced(desk: Desk) -> None:
    """The newest last; what was asked for by hand is marked."""
    await announce(desk)
    await desk.run("cron", "run", "sync.all")
    rows = (await desk.run("cron", "history", "sync.all", "--json")).json
    assert [(row["byHand"], row["due"] == "2026-07-01T12:00:00Z") for row in rows] == [(False, True), (True, False)]
    assert "by hand" in (await desk.run("cron", "history", "sync.all")).out
    assert "was never announced" in (await desk.run("cron", "history", "report.weekly")).out


async def test_an_event_is_asked_for_by_hand(desk: Desk) -> None:
    """It goes where such events go, with an id of its own, so that asking twice is doing twice."""
    ids = {(await desk.run("cron", "run", "cleanup.daily", "--json")).json["jobId"] for _ in range(2)}
    events = await stored(desk.connection, "CRON")
    assert [event.subject for event in events] == ["cron.cleanup.daily.manual"] * 2
    assert {event.headers["Job-Id"] for event in events} == ids
    body = json.loads(events[0].body)
    assert (body["name"], body["schedule"], body["due"] == body["announced"]) == ("cleanup.daily", "0 0 * * *", True)


async def test_a_schedule_is_paused_and_resumed(desk: Desk) -> None:
    """The pause is kept at the broker, where schedulers look; pausing twice is pausing once."""
    for _ in range(2):
        assert (await desk.run("cron", "pause", "report.weekly")).code == 0
    assert await schedule_pauses.paused(desk.connection) == {"report.weekly"}
    assert "paused" in (await desk.run("cron", "list")).out
    said = await desk.run("cron", "resume", "report.weekly", "--json")
    assert said.json == {"name": "report.weekly", "paused": False}
    assert await schedule_pauses.paused(desk.connection) == frozenset()


@pytest.mark.parametrize("command", ["next", "history", "run", "pause", "resume"])
async def test_a_schedule_that_does_not_exist_is_refused(desk: Desk, command: str) -> None:
    """With what may have been meant."""
    said = await desk.run("cron", command, "cleanup.dayly")
    assert (said.code, "did you mean cleanup.daily?" in said.err) == (2, True)


async def test_a_wrong_settings_file_is_said(desk: Desk, tmp_path: Path) -> None:
    """With the schedule and the field."""
    file = tmp_path / "schedules.toml"
    file.write_text('[[schedules]]\nname="sync.noon"\nschedule="0 25 * * *"\n', encoding="utf-8")
    said = await desk.run("cron", "list", environ={"SCHEDULES_FILE": str(file)})
    assert (said.code, "sync.noon" in said.err) == (2, True)
