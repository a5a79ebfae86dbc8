"""The commands that the webhook service adds to `nightshift`: its events are in the application's own table."""

from datetime import timedelta

from nightshift.cli.client.command import Groups, command, group
from nightshift.cli.commands import webhooks
from nightshift.cli.terminal.parse_number import parse_count
from nightshift.cli.terminal.parse_time import parse_duration


def register(groups: Groups) -> None:
    """Declare them."""
    webhooks.register_events(groups, table="schema.tables:webhook_events")
    _catch_up(group(groups, "webhooks", webhooks.TEXT))


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
