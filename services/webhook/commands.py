"""The commands that the webhook service adds to `nightshift`: events of third parties."""

from datetime import timedelta
from pathlib import Path

from nightshift.cli.client.command import Groups, Parser, add_limit, command, destructive, explained, group
from nightshift.cli.terminal.parse_number import parse_count, parse_rate
from nightshift.cli.terminal.parse_time import parse_duration
from schema.outcomes import EVENT_OUTCOMES

_MORE_REPLAY = """\
An event whose dead letter is still there is redriven. Of any other, the body is taken from the object store, where it
is kept for WEBHOOK_KEEP_DAYS, and the event is worked off anew: what it writes is written again, and the shipped
handlers send no mail twice. The newest state of an object still wins, so old events change nothing."""


def register(groups: Groups) -> None:
    """Declare them."""
    webhooks = group(groups, "webhooks", "Events of third parties: what came, what became of it, and doing it again.")
    for declare in (_listing, _replay, _send, _catch_up):
        declare(webhooks)


def _listing(webhooks: Groups) -> None:
    listing = command(
        webhooks,
        "list",
        "List events, the newest last.",
        example="nightshift webhooks list --source stripe --since 2h --outcome dead",
        more="A body that could not be read has no row: nightshift dlq list --type webhook.received shows those.",
        run="services.webhook.cli.listing:list_events",
    )
    add_limit(listing, "newest")
    _add_filters(listing)
    show = command(
        webhooks,
        "show",
        "Show events in full, with the body as long as it is kept.",
        example="nightshift webhooks show stripe/evt_1TkQ2eLkdIwHu7ix9WJ0aBcD",
        run="services.webhook.cli.listing:show",
    )
    show.add_argument("which", metavar="EVENT", nargs="+", help="stripe/evt_17, or the id alone")


def _replay(webhooks: Groups) -> None:
    parser = command(
        webhooks,
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


def _send(webhooks: Groups) -> None:
    parser = command(
        webhooks,
        "send",
        "Play a provider: sign a sample with the local secret, and post it to the gateway.",
        example="nightshift webhooks send stripe checkout.json --new-id",
        more="The sources and their secrets are those of the gateway (GATEWAY_WEBHOOKS), so that nothing leaves this "
        "machine but the request.",
        run="services.webhook.cli.send:run",
    )
    parser.add_argument("source", help="source, as the file of sources names it")
    parser.add_argument("sample", metavar="FILE", help="the body as the provider sends it; - is standard input")
    parser.add_argument("--type", metavar="EVENT_TYPE", help="for providers that name it in a header (GitHub, Shopify)")
    parser.add_argument("--id", help="id of the delivery, for providers that name it in a header")
    parser.add_argument(
        "--new-id", action="store_true", help="give a JSON body another `id`, so that it is another event each time"
    )
    parser.add_argument("--content-type", default="application/json", help="application/json by default")
    parser.add_argument("--to", metavar="URL", help="address of the gateway (GATEWAY_URL); by default on this machine")
    parser.add_argument("--sources", type=Path, metavar="FILE", help="file of sources (GATEWAY_WEBHOOKS)")


def _catch_up(webhooks: Groups) -> None:
    parser = command(
        webhooks,
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
