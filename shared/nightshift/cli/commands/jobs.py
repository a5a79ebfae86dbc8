"""`nightshift jobs`: find, watch, list and cancel jobs."""

from nightshift.cli.client.command import Groups, add_limit, command, destructive, explained, group
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare the commands."""
    jobs = group(groups, "jobs", "Find, watch, list and cancel jobs.")
    find = command(
        jobs,
        "find",
        "Show where a job is, in the first line its state, and what its workers told of each attempt.",
        example="nightshift jobs find welcome-17",
        run="nightshift.cli.actions.jobs:find",
        more="States: scheduled, waiting, in flight, retrying, outbox, done, dead. What was told is kept for three\n"
        "days. A job that is neither scheduled nor done is searched in its whole queue; --type narrows that down.",
    )
    find.add_argument("--everywhere", action="store_true", help="every place, also of duplicates: reads whole queues")
    cancel = command(
        jobs,
        "cancel",
        "Cancel a job: take it back before it runs, or stop it where it runs.",
        example="nightshift jobs cancel welcome-17 --type email.send",
        run="nightshift.cli.actions.jobs_cancel:run",
        more="It says what it did. A job that was stopped in a worker's hands has committed nothing; it is a dead\n"
        "letter with the reason cancelled, which can be redriven. One whose commit had begun is done: exit code 1.",
    )
    cancel.add_argument("--wait-for", type=parse_duration, metavar="SPAN", help="for its handler to end (default 30s)")
    watch = command(
        jobs,
        "watch",
        "Show how far a job is until it is over, and what it returned.",
        example="nightshift jobs watch report-2026-11",
        run="nightshift.cli.actions.jobs_watch:run",
        more="The exit code is 1 if the job is dead, or was not over in time.",
    )
    watch.add_argument("--wait-for", type=parse_duration, metavar="SPAN", help="watch at most this long")
    _declare_list(jobs)
    for parser in (find, cancel, watch):
        parser.add_argument("id", metavar="ID", help="job id, as `nightshift send` printed it")
        parser.add_argument("--type", help="only jobs of this type")
    destructive(cancel)
    explained(cancel)


def _declare_list(jobs: Groups) -> None:
    parser = command(
        jobs,
        "list",
        "List jobs that are done, the newest last: how each ended, for whom, and what it returned.",
        example="nightshift jobs list --type 'report.*' --since 1d",
        run="nightshift.cli.actions.jobs_list:run",
        more="What waits is in `nightshift queues list`, what is dead in `nightshift dlq list`.",
    )
    parser.add_argument("--type", help="only of this job type; * matches anything")
    parser.add_argument("--tenant", metavar="NAME", help="only those of this tenant")
    parser.add_argument("--outcome", help="done, or skipped (there was nothing to do)")
    parser.add_argument("--since", type=parse_duration, metavar="SPAN", help="only of the last 1h, 7d …")
    parser.add_argument("--until", type=parse_duration, metavar="SPAN", help="only those done longer ago than this")
    add_limit(parser, "newest")
