"""What a paused schedule does: nothing, also after a restart; and what happens when it is resumed."""

from datetime import timedelta

from nightshift.scheduler.cron.schedule import schedule
from nightshift.topology import schedule_pauses
from tests.integration.scheduler.environment import Environment

EVERY_HOUR = schedule("sync.hourly", "0 * * * *", "latest")
BESIDE = schedule("cleanup.hourly", "0 * * * *", "latest")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def test_a_paused_schedule_announces_nothing_and_the_others_go_on(environment: Environment) -> None:
    """While it is paused no event of it appears, whichever scheduler runs; other schedules are not held up."""
    await environment.started((EVERY_HOUR, BESIDE), (EVERY_HOUR, BESIDE))
    await schedule_pauses.pause(environment.connections[0], EVERY_HOUR.name, environment.clock.now())
    await environment.pass_time(2 * HOUR, steps=2)
    assert await environment.due(EVERY_HOUR.name) == []
    assert len(await environment.due(BESIDE.name)) == 2


async def test_a_pause_survives_a_restart_of_the_schedulers(environment: Environment) -> None:
    """A scheduler that is started during a pause knows of it."""
    await schedule_pauses.pause(environment.connections[0], EVERY_HOUR.name, environment.clock.now())
    await environment.started((EVERY_HOUR,))
    await environment.pass_time(HOUR)
    await environment.stop()
    await environment.started((EVERY_HOUR,))
    await environment.pass_time(HOUR)
    assert await environment.due(EVERY_HOUR.name) == []


async def test_at_resume_the_misfire_policy_decides(environment: Environment) -> None:
    """`latest` makes up for the last due time that the pause held back, and goes on from there."""
    await environment.started((EVERY_HOUR,))
    await schedule_pauses.pause(environment.connections[0], EVERY_HOUR.name, environment.clock.now())
    await environment.pass_time(3 * HOUR, steps=3)
    await schedule_pauses.resume(environment.connections[0], EVERY_HOUR.name)
    await environment.pass_time(MINUTE)
    assert [due.hour for due in await environment.due(EVERY_HOUR.name)] == [14]
    await environment.pass_time(HOUR)
    assert len(await environment.due(EVERY_HOUR.name)) == 2
