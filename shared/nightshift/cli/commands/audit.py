"""`nightshift audit`: what people did."""

from nightshift.cli.client.command import Groups, add_limit, command, group
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare the commands."""
    audit = group(groups, "audit", "What people did to queues, jobs and schedules; nobody can remove it.")
    listing = command(
        audit,
        "list",
        "List what people did by command line and console, the newest last.",
        example="nightshift audit list --since 2d --action 'queues.*'",
        run="nightshift.cli.actions.audit:list_actions",
        more="Results: done, failed, stopped; open: it goes on, or its end could not be recorded.\n"
        "The broker refuses to remove any of it for 400 days.",
    )
    add_limit(listing, "newest")
    listing.add_argument("--who", metavar="TEXT", help="only by whose name has this text")
    listing.add_argument("--action", metavar="NAME", help="only these actions; * matches anything: 'dlq.*'")
    listing.add_argument("--on", metavar="TEXT", help="only on what has this text: a queue, a job id, email:12")
    listing.add_argument("--since", type=parse_duration, metavar="SPAN", help="only of the last 1h, 7d …")
