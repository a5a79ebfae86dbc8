"""`nightshift top`: queues, workers, schedules and last errors on one screen, refreshed regularly."""

from datetime import timedelta

from nightshift.cli.client.command import Groups, command
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "top",
        "Watch queues, workers, schedules and last errors, until q or Ctrl-C.",
        example="nightshift top --every 5s",
        run="nightshift.cli.actions.top:run",
    )
    parser.add_argument(
        "--every",
        type=parse_duration,
        default=timedelta(seconds=2),
        metavar="SPAN",
        help="how often to refresh (default 2s)",
    )
    parser.add_argument("--once", action="store_true", help="show it once and exit; the default without a terminal")
