"""`nightshift workers`: the running processes, and what each is doing."""

from datetime import timedelta

from nightshift.cli.client.command import Groups, command, group
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare the commands."""
    listing = command(
        group(groups, "workers", "The running processes."),
        "list",
        "List the processes that answer; one whose event loop is blocked does not.",
        example="nightshift workers list",
        run="nightshift.cli.actions.workers:list_workers",
    )
    listing.add_argument(
        "--sample",
        type=parse_duration,
        default=timedelta(seconds=1),
        metavar="SPAN",
        help="how long to measure rates (default 1s; 0s: not at all)",
    )
