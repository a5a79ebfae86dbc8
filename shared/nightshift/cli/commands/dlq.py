"""`nightshift dlq`: list, show, redrive and delete dead letters."""

from nightshift.cli.client.command import Groups, Parser, add_limit, command, destructive, explained, group, releasing
from nightshift.cli.terminal.parse_number import parse_rate
from nightshift.cli.terminal.parse_time import parse_duration
from nightshift.contract import wire


def register(groups: Groups) -> None:
    """Declare the commands."""
    dlq = group(groups, "dlq", "Dead letters: jobs that were given up on, why, and redriving them.")
    listing = command(
        dlq,
        "list",
        "List dead letters, the newest last.",
        example="nightshift dlq list --type 'email.*' --newer 1d",
        run="nightshift.cli.actions.dlq:list_letters",
    )
    add_limit(listing, "newest")
    show = command(
        dlq,
        "show",
        "Show dead letters in full: error, headers, body.",
        example="nightshift dlq show email:12",
        run="nightshift.cli.actions.dlq:show",
    )
    redrive = command(
        dlq,
        "redrive",
        "Publish dead letters again as jobs; each keeps its job id, so a job that was done has no second effect.",
        example="nightshift dlq redrive --type email.send --error 'connection refused' --rate 20",
        run="nightshift.cli.actions.dlq:redrive",
    )
    redrive.add_argument(
        "--rate", type=parse_rate, default=100.0, metavar="N", help="at most N a second (default 100; 0: no limit)"
    )
    redrive.add_argument(
        "--body", metavar="JSON", help="with one dead letter: this body instead (@FILE, - for standard input)"
    )
    purge = command(
        dlq,
        "purge",
        "Delete dead letters for good.",
        example="nightshift dlq purge --reason invalid --older 14d",
        run="nightshift.cli.actions.dlq:purge",
    )
    for parser in (listing, show, redrive, purge):
        parser.add_argument("which", metavar="REF", nargs="*", help="email:12 as the list shows it, or a job id")
        _add_filters(parser)
    for parser in (redrive, purge):
        parser.add_argument("--all", action="store_true", help="all that match the filters")
        destructive(parser)
        explained(parser)
        releasing(parser)


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--service", help="only of this service; cron for events of schedules")
    parser.add_argument("--type", help="only of this job type; * matches anything")
    parser.add_argument("--reason", choices=wire.REASONS, metavar="REASON", help=f"one of {', '.join(wire.REASONS)}")
    parser.add_argument("--error", default="", metavar="TEXT", help="only with this text in the error")
    parser.add_argument("--older", type=parse_duration, metavar="SPAN", help="only those older than this: 14d")
    parser.add_argument("--newer", type=parse_duration, metavar="SPAN", help="only those newer than this: 1h")
