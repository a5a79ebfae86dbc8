"""`nightshift queues`: figures of each service's queues; pause, resume and purge them."""

from datetime import timedelta

from nightshift.cli.client.command import Groups, command, destructive, explained, group, releasing
from nightshift.cli.terminal.parse_time import parse_duration, parse_some_time

_HEADS = (
    "WAITING: to be run now; RUNNING: in flight; RETRY: between two attempts; LATER: scheduled; EVENTS: of schedules,\n"
    "not yet handled; DEAD: dead letters; OLDEST: age of the oldest job to be run now; IN and OUT: jobs per second."
)


def register(groups: Groups) -> None:
    """Declare the commands."""
    queues = group(groups, "queues", "What waits and runs; pause, resume and purge a service's queues.")
    listing = command(
        queues,
        "list",
        "Show every service's queues.",
        example="nightshift queues list",
        run="nightshift.cli.actions.queues:list_queues",
        more=_HEADS,
    )
    listing.add_argument(
        "--sample",
        type=parse_duration,
        default=timedelta(seconds=1),
        metavar="SPAN",
        help="how long to measure rates (default 1s; 0s: not at all)",
    )
    describing = command(
        queues,
        "describe",
        "Show settings, workers, job types and last errors of one service.",
        example="nightshift queues describe email",
        run="nightshift.cli.actions.queues:describe_queue",
    )
    pause = command(
        queues,
        "pause",
        "Stop delivering jobs to a service, all replicas; jobs in flight are finished.",
        example="nightshift queues pause email --for 2h",
        run="nightshift.cli.actions.queues:pause",
        more="It lasts until `resume`, also across restarts. Producers can go on publishing.",
    )
    pause.add_argument(
        "--for", dest="span", type=parse_some_time, metavar="SPAN", help="resume by itself after this span"
    )
    resume = command(
        queues,
        "resume",
        "Deliver jobs to a paused service again.",
        example="nightshift queues resume email",
        run="nightshift.cli.actions.queues:resume",
    )
    purge = command(
        queues,
        "purge",
        "Delete the waiting jobs of a service for good; dead letters stay.",
        example="nightshift queues purge email --type email.send --later",
        run="nightshift.cli.actions.queues:purge",
        more="Jobs in flight are deleted from the queue, too, but their worker finishes them.",
    )
    purge.add_argument("--type", help="only jobs of this type")
    purge.add_argument("--later", action="store_true", help="those that are scheduled or between two attempts instead")
    for parser in (describing, pause, resume, purge):
        parser.add_argument("name", metavar="SERVICE", help="for instance email")
    explained(pause)
    releasing(resume)
    destructive(purge)
    releasing(purge)
