"""`nightshift events`: what workers tell of their jobs."""

from nightshift.cli.client.command import Groups, command, group
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare the commands."""
    events = group(groups, "events", "What workers tell of their jobs.")
    tail = command(
        events,
        "tail",
        "Print what becomes of jobs, one line a turn, until Ctrl-C.",
        example="nightshift events tail --type 'email.*' --since 1h",
        run="nightshift.cli.actions.events:tail",
        more="Turns: started (after a second), progress, done, skipped, retry, snooze, unavailable, handed-back,\n"
        "dead. They are kept for three days. With --json each is a line of JSON.",
    )
    tail.add_argument("--service", help="only of this service")
    tail.add_argument("--type", help="only of this job type; * matches anything")
    tail.add_argument("--id", help="only of this job")
    tail.add_argument("--tenant", metavar="NAME", help="only of this tenant's jobs")
    tail.add_argument("--what", metavar="TURN", help="only these turns, with commas: retry,dead")
    tail.add_argument("--since", type=parse_duration, metavar="SPAN", help="first those of the last 1h, 3d …")
    tail.add_argument("--no-follow", action="store_true", help="end after those that are kept; without --since, all")
