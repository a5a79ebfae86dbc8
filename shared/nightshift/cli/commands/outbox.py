"""`nightshift outbox`: jobs that are committed and not yet with the broker; and who may enqueue by SQL."""

from nightshift.cli.client.command import Groups, Parser, add_limit, command, destructive, explained, group, releasing


def register(groups: Groups) -> None:
    """Declare the commands."""
    outbox = group(groups, "outbox", "Jobs that are committed to the database, and that the broker does not have yet.")
    listing = command(
        outbox,
        "list",
        "List what waits in the outbox, the oldest first.",
        example="nightshift outbox list --failed",
        run="nightshift.cli.actions.outbox:list_rows",
    )
    add_limit(listing, "oldest")
    show = command(
        outbox,
        "show",
        "Show rows in full: error, headers, body.",
        example="nightshift outbox show welcome-17",
        run="nightshift.cli.actions.outbox:show",
    )
    retry = command(
        outbox,
        "retry",
        "Have rows that could not be published tried again at once.",
        example="nightshift outbox retry --failed",
        run="nightshift.cli.actions.outbox:retry",
        more="The relay of their service publishes them within a second, if their cause is gone.",
    )
    drop = command(
        outbox,
        "drop",
        "Delete rows for good: their jobs never run.",
        example="nightshift outbox drop welcome-17",
        run="nightshift.cli.actions.outbox:drop",
    )
    for parser in (show, retry, drop):
        parser.add_argument("which", metavar="ID", nargs="*", help="as the list shows it, or a job id")
    for parser in (listing, show, retry, drop):
        _add_filters(parser)
    destructive(drop)
    for parser in (retry, drop):
        explained(parser)
        releasing(parser)
    grant = command(
        outbox,
        "grant",
        "Print the SQL that lets a role of PostgreSQL enqueue jobs, and nothing else.",
        example="nightshift outbox grant webshop | psql $DATABASE_URL",
        run="nightshift.cli.actions.outbox:grant",
        more="Where DATABASE_ROLES has a password of `producer`, `provision` makes the role nightshift_producer.",
    )
    grant.add_argument("role", metavar="ROLE", help="a role that exists")


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--queue", metavar="SERVICE", help="only what is for this service")
    parser.add_argument("--failed", action="store_true", help="only what could not be published")
