"""What a scheduler remembers over a pause, a change of its timetable, and a clock that is set."""

import logging
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nightshift.contract.cron import ScheduleFired, event_subject
from nightshift.scheduler.cron.schedule import Misfire, Schedule, schedule
from tests.integration.scheduler.environment import Environment

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def hourly(misfire: Misfire = "all") -> list[Schedule]:
    """One schedule that is due on every hour."""
    return [schedule("sync.all", "0 * * * *", misfire)]


def _event_due(due: str) -> bytes:
    event = {"name": "sync.all", "schedule": "0 * * * *", "timeZone": "UTC", "due": due, "announced": due}
    return msgspec.json.encode(event)


@pytest.mark.parametrize(
    ("misfire", "made_up"),
    [("skip", []), ("latest", [NOON + 3 * HOUR]), ("all", [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR])],
)
async def test_a_restart_goes_on_where_the_last_event_was(
    environment: Environment, misfire: Misfire, made_up: list[datetime]
) -> None:
    """After three missed hours the policy decides, and the next hour is announced as usual."""
    await environment.started(hourly(misfire))
    await environment.pass_time(HOUR / 2)
    await environment.stop()
    await environment.clock.turn(NOON + 3.5 * HOUR, 0)
    await environment.started(hourly(misfire))
    await environment.pass_time(HOUR / 2)
    assert await environment.due("sync.all") == [NOON, *made_up, NOON + 4 * HOUR]
    assert environment.metrics[1].misfires["sync.all"] == 1


async def test_a_restart_within_a_minute_is_no_misfire(environment: Environment) -> None:
    """A rolling deployment over a due time loses nothing, even with `skip`."""
    await environment.started(hourly("skip"))
    await environment.pass_time(HOUR / 2)
    await environment.stop()
    await environment.clock.turn(NOON + HOUR + MINUTE, 0)
    await environment.started(hourly("skip"))
    await environment.pass_time(MINUTE)
    assert await environment.due("sync.all") == [NOON, NOON + HOUR]
    assert environment.metrics[1].misfires["sync.all"] == 0


async def test_after_a_long_pause_the_newest_hundred_come_in_order(environment: Environment) -> None:
    """`all` announces at most 100, the newest, each after the other."""
    every_minute = [schedule("sync.all", "* * * * *", "all")]
    await environment.started(every_minute)
    await environment.pass_time(MINUTE)
    await environment.stop()
    await environment.clock.turn(NOON + 10 * HOUR + MINUTE / 2, 0)
    await environment.started(every_minute)
    await environment.pass_time(timedelta())
    newest = [NOON + 10 * HOUR - MINUTE * number for number in reversed(range(100))]
    assert await environment.due("sync.all") == [NOON - 29 * MINUTE, *newest]


@pytest.mark.parametrize(("expression", "zone"), [("30 * * * *", "UTC"), ("0 * * * *", "Europe/Berlin")])
async def test_a_changed_expression_or_zone_starts_at_now(environment: Environment, expression: str, zone: str) -> None:
    """The memory of what the schedule was before says nothing about what it is now."""
    await environment.started(hourly())
    await environment.pass_time(HOUR / 2)
    await environment.stop()
    await environment.clock.turn(NOON + 5.75 * HOUR, 0)
    changed = schedule("sync.all", expression, "all", zone)
    await environment.started([changed])
    await environment.pass_time(HOUR)
    due = await environment.due("sync.all")
    assert due[0] == NOON
    assert [instant > NOON + 5.75 * HOUR for instant in due[1:]] == [True]


async def test_a_memory_in_the_future_is_logged_and_resumes_at_now(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    """An error names it; the next due times are announced; the one that it names, when it comes, is not repeated."""
    ahead = NOON + 2 * HOUR
    event = ScheduleFired(name="sync.all", schedule="0 * * * *", time_zone="UTC", due=ahead, announced=ahead)
    await environment.put(event_subject("sync.all"), msgspec.json.encode(event))
    with caplog.at_level(logging.ERROR):
        await environment.started(hourly())
    assert "lies in the future" in caplog.text
    await environment.pass_time(3.5 * HOUR, steps=7)
    assert await environment.due("sync.all") == [ahead, NOON, NOON + HOUR, NOON + 3 * HOUR]


async def test_something_else_on_the_subject_is_logged_and_followed(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage where the memory should be is an error in the log, and nothing that stops the schedule."""
    await environment.put(event_subject("sync.all"), b"not json")
    with caplog.at_level(logging.ERROR):
        await environment.started(hourly())
    assert "is no event" in caplog.text
    await environment.pass_time(HOUR / 2)
    await environment.put(event_subject("sync.all"), b"\xff")
    await environment.pass_time(HOUR)
    (_, first, _, second) = await environment.headers("sync.all")
    assert first["Nats-Msg-Id"] == "sync.all@2026-07-01T12:00:00Z"
    assert second["Nats-Msg-Id"] == "sync.all@2026-07-01T13:00:00Z"


STRANGE_HEADERS = {
    "another subject": {"Nats-Subject": "x"},
    "another sequence": {"Nats-Sequence": "99999"},
    "a sequence that is none": {"Nats-Sequence": "x", "Nats-Time-Stamp": "q", "Nats-Stream": "y"},
    "a status": {"Status": "204"},
}


@pytest.mark.parametrize("headers", STRANGE_HEADERS.values(), ids=STRANGE_HEADERS)
async def test_headers_typed_on_an_event_are_not_the_brokers_word(
    environment: Environment, headers: dict[str, str]
) -> None:
    """Before the start and while the scheduler runs: the next hour is announced, after the event that has them."""
    event = ScheduleFired(name="sync.all", schedule="0 * * * *", time_zone="UTC", due=NOON - HOUR, announced=NOON)
    await environment.put(event_subject("sync.all"), msgspec.json.encode(event), headers)
    await environment.started(hourly())
    await environment.pass_time(HOUR / 2)
    await environment.put(event_subject("sync.all"), msgspec.json.encode(event), headers)
    await environment.pass_time(HOUR)
    assert await environment.due("sync.all") == [NOON - HOUR, NOON, NOON - HOUR, NOON + HOUR]


STRANGE_BODIES = {
    "nothing": b"",
    "no JSON": b"not json",
    "no UTF-8": b"\xff",
    "no UTF-8 in a text": b'{"name":"\xff"}',
    "brackets without end": b'{"x":' + b"[" * 100_000,
    "another message": b'{"due":"2026-07-01T11:00:00Z"}',
    "the first instant": _event_due("0001-01-01T00:00:00Z"),
    "before the first instant": _event_due("0001-01-01T00:00:00+23:59"),
    "the last instant": _event_due("9999-12-31T23:59:59Z"),
    "after the last instant": _event_due("9999-12-31T23:59:59-23:59"),
    "a due time before there were computers": _event_due("1800-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("body", STRANGE_BODIES.values(), ids=STRANGE_BODIES)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
async def test_an_event_with_any_body_stops_no_schedule(
    environment: Environment, body: bytes, zone: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the start and while the scheduler runs: an error in the log, and the next hour is announced."""
    entries = [schedule("sync.all", "0 * * * *", "skip", zone)]
    await environment.put(event_subject("sync.all"), body)
    with caplog.at_level(logging.ERROR):
        await environment.started(entries)
    assert "goes on at the present time" in caplog.text
    await environment.pass_time(HOUR / 2)
    await environment.put(event_subject("sync.all"), body)
    await environment.pass_time(HOUR)
    ids = [headers["Nats-Msg-Id"] for headers in await environment.headers("sync.all") if "Nats-Msg-Id" in headers]
    assert ids == ["sync.all@2026-07-01T12:00:00Z", "sync.all@2026-07-01T13:00:00Z"]


@pytest.mark.parametrize(
    ("misfire", "made_up"), [("skip", []), ("latest", [NOON + 2 * HOUR]), ("all", [NOON + HOUR, NOON + 2 * HOUR])]
)
async def test_a_clock_that_leaps_forward_is_a_pause(
    environment: Environment, misfire: Misfire, made_up: list[datetime]
) -> None:
    """After a suspend the missed due times are treated by policy; none is announced twice."""
    await environment.started(hourly(misfire), hourly(misfire))
    await environment.pass_time(HOUR / 2)
    await environment.pass_time(2.5 * HOUR)
    await environment.pass_time(HOUR / 2)
    assert await environment.due("sync.all") == [NOON, *made_up, NOON + 3 * HOUR]


@pytest.mark.parametrize("back", [timedelta(seconds=30), MINUTE * 40, 3 * HOUR, timedelta(days=400)])
async def test_a_clock_that_is_set_back_repeats_and_loses_nothing(environment: Environment, back: timedelta) -> None:
    """However far it is set back: no due time twice, none left out, in the end all are there."""
    await environment.started(hourly(), hourly())
    await environment.pass_time(2.5 * HOUR, steps=5)
    assert await environment.due("sync.all") == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    await environment.pass_time(-back)
    start = environment.clock.now()
    await environment.pass_time(5 * HOUR, steps=10)
    found = await environment.due("sync.all")
    assert len(found) == len(set(found))
    first = start.replace(minute=0, second=0) + HOUR
    assert {first + HOUR * number for number in range(5) if first + HOUR * number <= start + 5 * HOUR} <= set(found)


async def test_what_a_wrong_clock_skipped_comes_when_it_is_due(environment: Environment) -> None:
    """Events dropped while the clock was a day ahead are announced after it is set right."""
    await environment.started(hourly("skip"))
    await environment.pass_time(timedelta(days=1) + MINUTE * 31)
    await environment.pass_time(-timedelta(days=1))
    await environment.pass_time(2 * HOUR, steps=4)
    assert (await environment.due("sync.all"))[-2:] == [NOON + HOUR, NOON + 2 * HOUR]
