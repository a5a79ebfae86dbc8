"""The commands that the webhook service adds to `nightshift`: events of third parties."""

from datetime import timedelta

from nightshift.cli.client.command import Groups, Parser, add_limit, command, destructive, explained, group
from nightshift.cli.commands import webhooks
from nightshift.cli.terminal.parse_number import parse_count, parse_rate
from nightshift.cli.terminal.parse_time import parse_duration
from schema.outcomes import EVENT_OUTCOMES

_MORE_REPLAY = """\
An event whose dead letter is still there is redriven. Of any other, the body is taken from the object store, where it
is kept for WEBHOOK_KEEP_DAYS, and the event is worked off anew: what it writes is written again, and the shipped
handlers send no mail twice. The newest state of an object still wins, so old events change nothing."""


def register(groups: Groups) -> None:
    """Declare them."""
    events = group(groups, "webhooks", webhooks.TEXT)
    for declare in (_listing, _replay, _catch_up):
        declare(events)


def _listing(events: Groups) -> None:
    listing = command(
        events,
        "list",
        "List events, the newest last.",
        example="nightshift webhooks list --source stripe --since 2h --outcome dead",
        more="A body that could not be read has no row: nightshift dlq list --type webhook.received shows those.",
        run="services.webhook.cli.listing:list_events",
    )
    add_limit(listing, "newest")
    _add_filters(listing)
    show = command(
        events,
        "show",
        "Show events in full, with the body as long as it is kept.",
        example="nightshift webhooks show stripe/evt_1TkQ2eLkdIwHu7ix9WJ0aBcD",
        run="services.webhook.cli.listing:show",
    )
    show.add_argument("which", metavar="EVENT", nargs="+", help="stripe/evt_17, or the id alone")


def _replay(events: Groups) -> None:
    parser = command(
        events,
        "replay",
        "Work off events again: after a handler was mended, or added.",
        example="nightshift webhooks replay --source stripe --since 2h --outcome dead",
        more=_MORE_REPLAY,
        run="services.webhook.cli.replay:run",
    )
    parser.add_argument("which", metavar="EVENT", nargs="*", help="stripe/evt_17, or the id alone")
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all events, whatever became of them")
    parser.add_argument(
        "--rate", type=parse_rate, default=100.0, metavar="N", help="at most N a second (default 100; 0: no limit)"
    )
    destructive(parser)
    explained(parser)


def _catch_up(events: Groups) -> None:
    parser = command(
        events,
        "catch-up",
        "Ask a provider to deliver again what failed: after the gateway was away.",
        example="nightshift webhooks catch-up github --repo ada/engine --since 3d",
        more="GitHub never tries again by itself, and remembers deliveries for three days. GITHUB_TOKEN has to be "
        "allowed to read and write the webhooks. What arrived after all is worked off once.",
        run="services.webhook.cli.catch_up:run",
    )
    parser.add_argument("provider", choices=("github",))
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--repo", metavar="OWNER/NAME", help="the webhooks of a repository")
    where.add_argument("--org", metavar="NAME", help="the webhooks of an organisation")
    parser.add_argument("--hook", type=parse_count, metavar="ID", help="only this webhook")
    parser.add_argument(
        "--since",
        type=parse_duration,
        default=timedelta(days=3),
        metavar="SPAN",
        help="at most so long ago (default and limit: 3d)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list what failed")


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--source", help="only events of this source, for instance stripe")
    parser.add_argument(
        "--type", metavar="EVENT_TYPE", help="only events of this type; * stands for anything: 'invoice.*'"
    )
    parser.add_argument("--outcome", choices=EVENT_OUTCOMES, help="only events of this outcome")
    parser.add_argument(
        "--since", type=parse_duration, metavar="SPAN", help="only events received within this time: 2h, 3d"
    )
