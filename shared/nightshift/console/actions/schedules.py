"""A schedule: run it now, pause it, and resume it, which may announce what was missed."""

from collections.abc import Sequence

from starlette.responses import Response

from nightshift.broker import direct_get
from nightshift.cli.actions.cron import fire
from nightshift.cli.queries import timetable
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.cli.terminal.formatting import format_instant, plural
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import Question, ask, mistake, told
from nightshift.console.rights import Right
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract.cron import event_subject
from nightshift.instants import utc_now
from nightshift.scheduler.cron.due_times import missed
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.state.cron_stream import read_event
from nightshift.topology import schedule_pauses
from nightshift.topology.topology import CRON_STREAM

_SHOWN = 5


async def schedule_at(visit: Visit) -> Schedule:
    """Return the schedule that the address names.

    Raises:
        Refused: there is none.
    """
    try:
        return await timetable.find_schedule(visit.console.operator, visit.path["name"])
    except UsageError as unknown:
        raise Refused(404, str(unknown)) from None


def _run(schedule: Schedule) -> Question:
    return Question(
        title=f"Run {schedule.name} now",
        will=(
            f"Its event is announced once more, as by hand: whoever handles cron.{schedule.name} enqueues its jobs.",
            "When it is due next does not change; a paused schedule stays paused.",
        ),
        button="Run it now",
        command=f"nightshift cron run {schedule.name}",
        back=f"/schedules/{schedule.name}",
    )


def _pause(schedule: Schedule) -> Question:
    return Question(
        title=f"Pause schedule {schedule.name}",
        will=(
            "It is not announced until somebody resumes it, whatever restarts.",
            f"What comes due meanwhile counts as missed: at resume, its policy ({schedule.misfire}) decides.",
        ),
        button="Pause it",
        command=f"nightshift cron pause {schedule.name}",
        back=f"/schedules/{schedule.name}",
        needs_reason=True,
    )


async def _resume(visit: Visit, schedule: Schedule) -> Question:
    return Question(
        title=f"Resume schedule {schedule.name}",
        will=await what_resume_would_do(visit, schedule),
        button="Resume it",
        command=f"nightshift cron resume {schedule.name}",
        back=f"/schedules/{schedule.name}",
    )


async def what_resume_would_do(visit: Visit, schedule: Schedule) -> Sequence[str]:
    """Say which events a scheduler announces when it is resumed now, by the code by which it decides."""
    now = utc_now()
    last = await direct_get.read_last(visit.console.connection, CRON_STREAM, [event_subject(schedule.name)])
    event = next((read_event(message.body) for message in last.values()), None)
    theirs = event and (event.schedule, event.time_zone) == (schedule.expression.text, schedule.time_zone)
    if event is None or not theirs:
        return ("It was not announced yet as it is now: it goes on with what is due next, and makes up for nothing.",)
    due = missed(schedule, event.due, now)
    if not due:
        return (f"It announces nothing at once: its policy is {schedule.misfire}. It goes on with what is due next.",)
    times = ", ".join(format_instant(one) for one in due[:_SHOWN])
    more = f" and {len(due) - _SHOWN:,} more" if len(due) > _SHOWN else ""
    return (f"It announces {plural(len(due), 'event')} at once, by its policy {schedule.misfire}: due {times}{more}.",)


async def ask_run(visit: Visit) -> Response:
    """Ask before it is run."""
    return ask(visit, _run(await schedule_at(visit)))


async def run(visit: Visit) -> Response:
    """Run one now; a form that is sent twice runs it once."""
    schedule = await schedule_at(visit)
    if wrong := mistake(visit, question := _run(schedule)):
        return ask(visit, question, wrong)
    async with doing(visit, "cron.run", schedule.name, f"run {schedule.name} now"):
        fired = await fire(visit.console.operator, schedule, visit.form.get("once") or None)
    said = f"It was announced: {fired.stream}, message {fired.sequence:,}."
    return told(visit, f"{schedule.name} runs", [said], f"/schedules/{schedule.name}")


async def ask_pause(visit: Visit) -> Response:
    """Ask why."""
    return ask(visit, _pause(await schedule_at(visit)))


async def pause(visit: Visit) -> Response:
    """Pause one."""
    schedule = await schedule_at(visit)
    if wrong := mistake(visit, question := _pause(schedule)):
        return ask(visit, question, wrong)
    async with doing(visit, "cron.pause", schedule.name, f"pause {schedule.name} until it is resumed"):
        await schedule_pauses.pause(visit.console.connection, schedule.name, utc_now())
    back = f"/schedules/{schedule.name}"
    return told(visit, f"{schedule.name} is paused", ["It is paused until somebody resumes it."], back)


async def ask_resume(visit: Visit) -> Response:
    """Ask, and say what it would do."""
    return ask(visit, await _resume(visit, await schedule_at(visit)))


async def resume(visit: Visit) -> Response:
    """Resume one."""
    schedule = await schedule_at(visit)
    if wrong := mistake(visit, question := await _resume(visit, schedule)):
        return ask(visit, question, wrong)
    async with doing(visit, "cron.resume", schedule.name, f"resume {schedule.name}", releases=True):
        await schedule_pauses.resume(visit.console.connection, schedule.name)
    return told(visit, f"{schedule.name} was resumed", question.will, f"/schedules/{schedule.name}")


ROUTES = (
    Route("GET", "/schedules/{name}/run", ask_run, Right.RUN_SCHEDULE),
    Route("POST", "/schedules/{name}/run", run, Right.RUN_SCHEDULE),
    Route("GET", "/schedules/{name}/pause", ask_pause, Right.PAUSE),
    Route("POST", "/schedules/{name}/pause", pause, Right.PAUSE),
    Route("GET", "/schedules/{name}/resume", ask_resume, Right.PAUSE),
    Route("POST", "/schedules/{name}/resume", resume, Right.PAUSE),
)
