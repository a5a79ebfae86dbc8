"""The spans of the scheduler's events."""

from datetime import timedelta

from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.state.cron_stream import CronStream
from tests.integration.scheduler.environment import Environment
from tests.integration.tracing.recorded import Recorded, attributes, parent_id, traceparent


async def test_an_event_has_one_span_whoever_else_wanted_to_announce_it(environment: Environment) -> None:
    """The event carries it; the scheduler that came second leaves none."""
    recorded = Recorded()
    timetable = (schedule("sync.all", "0 * * * *", "latest"),)
    for connection in environment.connections:
        environment.start(timetable, CronStream(connection, recorded.spans))
    await environment.clock.settle(3)
    await environment.pass_time(timedelta(hours=2), steps=2)
    spans = recorded.named("send cron.sync.all")
    carried = [headers["traceparent"] for headers in await environment.headers("sync.all")]
    assert [header[:-2] for header in carried] == [traceparent(span) for span in spans]
    assert len(spans) == 2
    assert [parent_id(span) for span in spans] == [None, None]
    assert attributes(spans[0])["messaging.destination.name"] == "cron.sync.all"
    assert attributes(spans[0])["messaging.message.id"] == "sync.all@2026-07-01T12:00:00Z"
