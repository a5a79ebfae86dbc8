"""`nightshift jobs`: find a job, and cancel one that has not started."""

from nightshift.cli.client.command import Groups, command, destructive, group


def register(groups: Groups) -> None:
    """Declare the commands."""
    jobs = group(groups, "jobs", "Find a job, and cancel one that has not started.")
    find = command(
        jobs,
        "find",
        "Show every place where a job is found; the first line is its state.",
        example="nightshift jobs find welcome-17",
        run="nightshift.cli.actions.jobs:find",
        more="States: scheduled, waiting, in flight, retrying, outbox, done, dead.\n"
        "It reads whole queues; --type narrows that down.",
    )
    cancel = command(
        jobs,
        "cancel",
        "Cancel a job that has not started: scheduled, waiting, or between two attempts.",
        example="nightshift jobs cancel welcome-17 --type email.send",
        run="nightshift.cli.actions.jobs:cancel",
        more="A job that is in flight is not stopped (exit code 1).",
    )
    for parser in (find, cancel):
        parser.add_argument("id", metavar="ID", help="job id, as `nightshift send` printed it")
        parser.add_argument("--type", help="only jobs of this type")
    destructive(cancel)
