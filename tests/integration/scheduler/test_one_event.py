"""One event per due time, however many schedulers run and whatever they meet."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from nightshift.broker import direct_get
from nightshift.broker.message import OutboundMessage
from nightshift.contract.cron import ScheduleFired, event_subject, manual_subject
from nightshift.outcomes import Unavailable
from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.state.cron_stream import CronStream, LastEvent
from nightshift.topology.topology import CRON_STREAM
from tests.integration.scheduler.environment import Environment

HALF_PAST_ELEVEN = datetime(2026, 7, 1, 11, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


async def test_three_schedulers_announce_each_due_time_once(environment: Environment) -> None:
    """Many schedules, due every second or two, three schedulers at the same instants: each due time has one event."""
    every = [schedule(f"sync.every{number}", "* * * * * *", "all") for number in range(30)]
    even = [schedule(f"sync.even{number}", "*/2 * * * * *", "all") for number in range(30)]
    await environment.started(every + even, even + every, every)
    await environment.pass_time(20 * SECOND, steps=20)
    for entry in every:
        assert await environment.due(entry.name) == [HALF_PAST_ELEVEN + SECOND * number for number in range(1, 21)]
    for entry in even:
        assert await environment.due(entry.name) == [HALF_PAST_ELEVEN + SECOND * number for number in range(2, 21, 2)]
    announced = [sum(metrics.events.values()) for metrics in environment.metrics]
    assert sum(announced) == 30 * 20 + 30 * 10


async def test_an_event_says_what_was_due_and_carries_its_id(environment: Environment) -> None:
    """Body, `Nats-Msg-Id` and the expected sequence are as the design fixes them."""
    await environment.started([schedule("sync.berlin", "0 14 * * *", "all", "Europe/Berlin")])
    await environment.pass_time(HOUR, steps=60)
    (found,) = await direct_get.read_all(environment.connections[0], CRON_STREAM, event_subject("sync.berlin"))
    event = msgspec.json.decode(found.body, type=ScheduleFired)
    assert (event.name, event.schedule, event.time_zone) == ("sync.berlin", "0 14 * * *", "Europe/Berlin")
    assert (event.due, event.announced) == (HALF_PAST_ELEVEN + HOUR / 2, HALF_PAST_ELEVEN + HOUR / 2)
    (raw,) = await environment.headers("sync.berlin")
    assert raw["Nats-Msg-Id"] == "sync.berlin@2026-07-01T12:00:00Z"
    assert raw["Nats-Expected-Last-Subject-Sequence"] == "0"


async def test_one_that_is_overtaken_in_a_batch_does_not_hold_up_the_others(environment: Environment) -> None:
    """Somebody else's event on one subject refuses the batch; the others are announced all the same, once."""
    timetable = [schedule(f"sync.s{number}", "0 * * * *", "all") for number in range(40)]
    await environment.started(timetable)
    noon = HALF_PAST_ELEVEN + HOUR / 2
    event = ScheduleFired(name="sync.s7", schedule="0 * * * *", time_zone="UTC", due=noon, announced=noon)
    await environment.put(event_subject("sync.s7"), msgspec.json.encode(event))
    await environment.pass_time(HOUR / 2)
    for entry in timetable:
        assert await environment.due(entry.name) == [noon]
    assert environment.metrics[0].overtaken == 1


async def test_an_event_by_hand_is_outside_the_memory(environment: Environment) -> None:
    """A manual event neither replaces nor delays the scheduled one."""
    await environment.started([schedule("sync.all", "0 * * * *", "all")])
    await environment.put(manual_subject("sync.all"), b"{}")
    await environment.pass_time(HOUR / 2)
    assert await environment.due("sync.all") == [HALF_PAST_ELEVEN + HOUR / 2]


class Deaf(CronStream):
    """A stream whose acknowledgements are lost: what it stores it does not tell."""

    lose = True

    async def announce(self, events: Sequence[OutboundMessage]) -> list[int | Exception]:
        """Stores, and says that the broker did not answer."""
        answers = await super().announce(events)
        return [Unavailable("broker", "no answer")] * len(events) if self.lose else answers


@pytest.mark.parametrize("count", [1, 5])
async def test_a_lost_acknowledgement_makes_no_second_event(environment: Environment, count: int) -> None:
    """Stored but not told: trying again finds the event, and goes on after it."""
    stream = Deaf(environment.connections[0])
    environment.start([schedule(f"sync.s{number}", "0 * * * *", "all") for number in range(count)], stream)
    await environment.clock.settle(1)
    await environment.pass_time(HOUR / 2)
    stream.lose = False
    await environment.pass_time(MINUTE, steps=4)
    await environment.pass_time(HOUR)
    for number in range(count):
        noon = HALF_PAST_ELEVEN + HOUR / 2
        assert await environment.due(f"sync.s{number}") == [noon, noon + HOUR]


class Forgetful(CronStream):
    """A stream whose memory cannot be read for once."""

    answers = True

    async def latest_events(self, names: Sequence[str]) -> dict[str, LastEvent]:
        """Fails once, when told to."""
        if not self.answers:
            self.answers = True
            raise Unavailable("broker", "no answer")
        return await super().latest_events(names)


async def test_a_memory_that_cannot_be_read_after_a_race_is_asked_for_again(environment: Environment) -> None:
    """Outrun, and the broker does not say by whom: it is tried again, and nothing is announced twice."""
    stream = Forgetful(environment.connections[0])
    environment.start([schedule("sync.all", "0 * * * *", "all")], stream)
    await environment.clock.settle(1)
    noon = HALF_PAST_ELEVEN + HOUR / 2
    event = ScheduleFired(name="sync.all", schedule="0 * * * *", time_zone="UTC", due=noon, announced=noon)
    await environment.put(event_subject("sync.all"), msgspec.json.encode(event))
    stream.answers = False
    await environment.pass_time(HOUR / 2)
    await environment.pass_time(MINUTE, steps=4)
    await environment.pass_time(HOUR)
    assert await environment.due("sync.all") == [noon, noon + HOUR]


async def test_a_scheduler_that_was_overtaken_lets_the_other_go_first(environment: Environment) -> None:
    """Replicas do not race for ever: one announces, the other finds its events, and takes over when it ends."""
    timetable = [schedule(f"sync.s{number}", "* * * * * *", "all") for number in range(10)]
    await environment.started(timetable, timetable)
    await environment.pass_time(5 * SECOND, steps=5)
    leader = max((0, 1), key=lambda place: environment.metrics[place].events["sync.s3"])
    assert [environment.metrics[place].events["sync.s3"] for place in (leader, 1 - leader)] == [5, 0]
    await environment.stop_one(leader)
    await environment.pass_time(2 * SECOND, steps=2)
    assert await environment.due("sync.s3") == [HALF_PAST_ELEVEN + SECOND * number for number in range(1, 8)]


async def test_a_head_start_that_cannot_be_watched_ends_in_announcing(environment: Environment) -> None:
    """When the memory cannot be read while the other goes first, the event is announced at once."""
    stream = Forgetful(environment.connections[0])
    announcer = environment.start([schedule("sync.all", "0 * * * *", "all")], stream)
    await environment.clock.settle(1)
    announcer._follower.behind, stream.answers = True, False
    await environment.pass_time(HOUR / 2)
    assert await environment.due("sync.all") == [HALF_PAST_ELEVEN + HOUR / 2]
    assert stream.answers
