"""`nightshift cron`: list schedules and their history, run one now, pause and resume one."""

from nightshift.cli.client.command import Groups, command, explained, group, releasing
from nightshift.cli.terminal.parse_number import parse_positive_count


def register(groups: Groups) -> None:
    """Declare the commands."""
    cron = group(groups, "cron", "Schedules: when they are due, what was announced, running one now.")
    command(
        cron,
        "list",
        "Show every schedule with its last and its next due time.",
        example="nightshift cron list",
        run="nightshift.cli.actions.cron:list_schedules",
    )
    coming = command(
        cron,
        "next",
        "Show the next due times, in UTC and in the schedule's zone.",
        example="nightshift cron next sync.all --count 5",
        run="nightshift.cli.actions.cron:list_next",
    )
    coming.add_argument("name", metavar="SCHEDULE", nargs="?", help="such as sync.all; all if not given")
    past = command(
        cron,
        "history",
        "Show the announced events, the newest last.",
        example="nightshift cron history sync.all",
        run="nightshift.cli.actions.cron:list_history",
    )
    for parser, count in ((coming, 3), (past, 20)):
        parser.add_argument(
            "--count", type=parse_positive_count, default=count, metavar="N", help=f"how many (default {count})"
        )
    run = command(
        cron,
        "run",
        "Run one now: publish its event by hand.",
        example="nightshift cron run cleanup.daily",
        run="nightshift.cli.actions.cron:run_now",
        more="The schedule itself is not changed. Each `run` fires once more.",
    )
    pause = command(
        cron,
        "pause",
        "Pause a schedule until it is resumed; restarts do not end the pause.",
        example="nightshift cron pause report.weekly",
        run="nightshift.cli.actions.cron:pause",
        more="What becomes due meanwhile counts as missed: at resume, the schedule's misfire policy decides.",
    )
    resume = command(
        cron,
        "resume",
        "Resume a paused schedule.",
        example="nightshift cron resume report.weekly",
        run="nightshift.cli.actions.cron:resume",
    )
    for parser in (past, run, pause, resume):
        parser.add_argument("name", metavar="SCHEDULE", help="for instance cleanup.daily")
    explained(run)
    explained(pause)
    releasing(resume)
