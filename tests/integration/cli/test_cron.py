"""`nightshift cron`: the timetable, what was announced, asking for an event, pausing a schedule."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift.contract.cron import ScheduleFired
from nightshift.topology import schedule_pauses
from tests.harness import stored
from tests.integration.cli.harness import Operator

DUE = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def announce(operator: Operator, due: datetime = DUE, *, name: str = "sync.all", zone: str = "UTC") -> None:
    """Publishes an event as the scheduler does."""
    event = ScheduleFired(name=name, schedule="0 */6 * * *", time_zone=zone, due=due, announced=due)
    await operator.connection.jetstream().publish(f"cron.{name}", msgspec.json.encode(event))


async def test_every_schedule_is_listed_with_its_last_and_next_due_time(operator: Operator) -> None:
    """The broker says what was announced, the timetable what comes."""
    await announce(operator)
    result = await operator.run("cron", "list")
    line = next(line for line in result.out.splitlines() if line.startswith("sync.all"))
    assert "2026-07-01 12:00:00Z" in line
    rows = {row["name"]: row for row in (await operator.run("cron", "list", "--json")).json}
    assert set(rows) == {"sync.all", "cleanup.daily", "report.weekly"}
    assert (rows["sync.all"]["lastDue"], rows["cleanup.daily"]["lastDue"]) == ("2026-07-01T12:00:00Z", None)
    assert datetime.fromisoformat(rows["sync.all"]["nextDue"]) > datetime.now(UTC)


async def test_a_schedule_of_another_timetable_that_is_announced_is_listed_too(operator: Operator) -> None:
    """Whoever runs the command without the scheduler's SCHEDULES_FILE sees what it does; what was removed is gone."""
    now = datetime.now(UTC)
    await announce(operator, now - timedelta(hours=3), name="sync.shops", zone="Asia/Tokyo")
    await announce(operator, now - timedelta(days=3), name="sync.removed")
    listed = {row["name"]: row for row in (await operator.run("cron", "list", "--json")).json}
    assert set(listed) == {"sync.all", "cleanup.daily", "report.weekly", "sync.shops"}
    row = listed["sync.shops"]
    assert (row["schedule"], row["timeZone"], row["elsewhere"]) == ("0 */6 * * *", "Asia/Tokyo", True)
    assert datetime.fromisoformat(row["nextDue"]) > now
    line = next(line for line in (await operator.run("cron", "list")).out.splitlines() if "sync.shops" in line)
    assert line.endswith("of another SCHEDULES_FILE")


async def test_a_schedule_of_another_timetable_is_paused_and_run_as_any_other(operator: Operator) -> None:
    """Its last event says all that is needed."""
    await announce(operator, datetime.now(UTC) - timedelta(hours=3), name="sync.shops")
    for command in ("pause", "resume", "run", "history", "next"):
        result = await operator.run("cron", command, "sync.shops")
        assert result.code == 0, result.err
    (event,) = await stored(operator.connection, "CRON", "cron.sync.shops.manual")
    assert json.loads(event.body)["schedule"] == "0 */6 * * *"


async def test_next_due_times_are_said_in_both_zones(operator: Operator, tmp_path: Path) -> None:
    """In UTC, and as the clock shows them where the schedule lives; schedules of the settings file count."""
    file = tmp_path / "schedules.toml"
    file.write_text(
        '[[schedules]]\nname="sync.noon"\nschedule="0 12 * * *"\ntime_zone="Asia/Tokyo"\n', encoding="utf-8"
    )
    result = await operator.run(
        "cron", "next", "sync.noon", "--count", "2", "--json", environ={"SCHEDULES_FILE": str(file)}
    )
    first, second = result.json
    assert (datetime.fromisoformat(first["due"]).hour, "12:00:00+0900" in first["local"]) == (3, True)
    assert first["due"] < second["due"]


async def test_the_history_is_what_was_announced(operator: Operator) -> None:
    """The newest last; what was asked for by hand is marked."""
    await announce(operator)
    await operator.run("cron", "run", "sync.all")
    rows = (await operator.run("cron", "history", "sync.all", "--json")).json
    assert [(row["byHand"], row["due"] == "2026-07-01T12:00:00Z") for row in rows] == [(False, True), (True, False)]
    assert "by hand" in (await operator.run("cron", "history", "sync.all")).out
    assert "was never announced" in (await operator.run("cron", "history", "report.weekly")).out


async def test_an_event_is_asked_for_by_hand(operator: Operator) -> None:
    """It goes where such events go, with an id of its own, so that asking twice is doing twice."""
    ids = {(await operator.run("cron", "run", "cleanup.daily", "--json")).json["jobId"] for _ in range(2)}
    events = await stored(operator.connection, "CRON")
    assert [event.subject for event in events] == ["cron.cleanup.daily.manual"] * 2
    assert {event.headers["Job-Id"] for event in events} == ids
    body = json.loads(events[0].body)
    assert (body["name"], body["schedule"], body["due"] == body["announced"]) == ("cleanup.daily", "0 0 * * *", True)


async def test_a_schedule_is_paused_and_resumed(operator: Operator) -> None:
    """The pause is kept at the broker, where schedulers look; pausing twice is pausing once."""
    for _ in range(2):
        assert (await operator.run("cron", "pause", "report.weekly")).code == 0
    assert await schedule_pauses.paused(operator.connection) == {"report.weekly"}
    assert "paused" in (await operator.run("cron", "list")).out
    result = await operator.run("cron", "resume", "report.weekly", "--json")
    assert result.json == {"name": "report.weekly", "paused": False}
    assert await schedule_pauses.paused(operator.connection) == frozenset()


@pytest.mark.parametrize("command", ["next", "history", "run", "pause", "resume"])
async def test_a_schedule_that_does_not_exist_is_refused(operator: Operator, command: str) -> None:
    """With what may have been meant."""
    result = await operator.run("cron", command, "cleanup.dayly")
    assert (result.code, "did you mean cleanup.daily?" in result.err) == (2, True)


async def test_a_wrong_settings_file_is_said(operator: Operator, tmp_path: Path) -> None:
    """With the schedule and the field."""
    file = tmp_path / "schedules.toml"
    file.write_text('[[schedules]]\nname="sync.noon"\nschedule="0 25 * * *"\n', encoding="utf-8")
    result = await operator.run("cron", "list", environ={"SCHEDULES_FILE": str(file)})
    assert (result.code, "sync.noon" in result.err) == (2, True)
