"""`nightshift webhooks`: events of third parties."""

from pathlib import Path

from nightshift.cli.client.command import Groups, Parser, add_limit, command, destructive, explained, group
from nightshift.cli.terminal.parse_number import parse_rate
from nightshift.cli.terminal.parse_time import parse_duration
from nightshift.webhooks.outcomes import EVENT_OUTCOMES

OWN = "nightshift.database.tables:received_webhooks"
TEXT = "Events of third parties: what came, what became of it, and doing it again."
_MORE_REPLAY = """\
An event whose dead letter is still there is redriven. Of any other, the body is taken from the object store, where it
is kept for 30 days (`keep_days` of `Webhooks`; WEBHOOK_KEEP_DAYS of the shipped service), and the event is worked off
anew: what it writes is written again. The shipped handlers send no mail twice, and the newest state of an object still
wins there, so old events change nothing."""


def register(groups: Groups) -> None:
    """Declare the commands that need no table."""
    _send(group(groups, "webhooks", TEXT))


def register_events(groups: Groups, table: str = OWN) -> None:
    """Declare those about the events that came, unless that is done; `table` is the place of the table of events."""
    events = group(groups, "webhooks", TEXT)
    if "list" in events.choices:
        return
    for declare in (_listing, _replay):
        declare(events)
    for name in ("list", "show", "replay"):
        events.choices[name].set_defaults(table=table)


def _send(webhooks: Groups) -> None:
    parser = command(
        webhooks,
        "send",
        "Play a provider: sign a sample with the local secret, and post it to the gateway.",
        example="nightshift webhooks send stripe checkout.json --new-id",
        more="The sources and their secrets are those of the gateway (GATEWAY_WEBHOOKS), so that nothing leaves this "
        "machine but the request.",
        run="nightshift.cli.actions.webhooks_send:run",
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


def _listing(events: Groups) -> None:
    listing = command(
        events,
        "list",
        "List events, the newest last.",
        example="nightshift webhooks list --source stripe --since 2h --outcome dead",
        more="A body that could not be read has no row: nightshift dlq list --type webhook.received shows those.",
        run="nightshift.cli.actions.webhooks_list:list_events",
    )
    add_limit(listing, "newest")
    _add_filters(listing)
    show = command(
        events,
        "show",
        "Show events in full, with the body as long as it is kept.",
        example="nightshift webhooks show stripe/evt_1TkQ2eLkdIwHu7ix9WJ0aBcD",
        run="nightshift.cli.actions.webhooks_list:show",
    )
    show.add_argument("which", metavar="EVENT", nargs="+", help="stripe/evt_17, or the id alone")


def _replay(events: Groups) -> None:
    parser = command(
        events,
        "replay",
        "Work off events again: after a handler was mended, or added.",
        example="nightshift webhooks replay --source stripe --since 2h --outcome dead",
        more=_MORE_REPLAY,
        run="nightshift.cli.actions.webhooks_replay:run",
    )
    parser.add_argument("which", metavar="EVENT", nargs="*", help="stripe/evt_17, or the id alone")
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="all events, whatever became of them")
    parser.add_argument(
        "--rate", type=parse_rate, default=100.0, metavar="N", help="at most N a second (default 100; 0: no limit)"
    )
    destructive(parser)
    explained(parser)


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--source", help="only events of this source, for instance stripe")
    parser.add_argument(
        "--type", metavar="EVENT_TYPE", help="only events of this type; * stands for anything: 'invoice.*'"
    )
    parser.add_argument("--outcome", choices=EVENT_OUTCOMES, help="only events of this outcome")
    parser.add_argument(
        "--since", type=parse_duration, metavar="SPAN", help="only events received within this time: 2h, 3d"
    )
