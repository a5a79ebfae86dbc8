"""`nightshift webhooks catch-up`: ask GitHub to deliver again what failed, as GitHub never does so by itself.

https://docs.github.com/webhooks/using-webhooks/automatically-redelivering-failed-deliveries-for-a-repository-webhook
"""

import argparse
import re
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import format_instant, plural
from nightshift.cli.terminal.table import Column
from nightshift.config.env_settings import FromEnvironment, load
from nightshift.config.settings import Pattern, Secret
from services.webhook.cli.github_deliveries import Delivery, GitHubDeliveries, failed

_KEPT = timedelta(days=3)
"""GitHub forgets deliveries after that."""


class CatchUpSettings(FromEnvironment, frozen=True, kw_only=True):
    """How GitHub's API is reached."""

    github_url: Annotated[
        str,
        Pattern(r"https?://[^\s?#@]+", "https://api.github.com"),
        msgspec.Meta(description="Address of GitHub's REST API."),
    ] = "https://api.github.com"
    github_token: Annotated[
        Secret | None,
        msgspec.Meta(description="Token that may read and write the webhooks of the repository or organisation."),
    ] = None


class Redelivered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A failed delivery; `asked` says whether GitHub was asked to deliver it again."""

    hook: str
    delivery: int
    guid: str
    event: str
    status: int
    delivered_at: datetime
    asked: bool


_COLUMNS = (
    Column("DELIVERED", lambda row: format_instant(row.delivered_at)),
    Column("HOOK", lambda row: row.hook),
    Column("EVENT", lambda row: row.event),
    Column("STATUS", lambda row: str(row.status or "no answer"), style=lambda _: "wrong"),
    Column("GUID", lambda row: row.guid),
    Column("AGAIN", lambda row: "asked for" if row.asked else "", style=lambda _: "ok"),
)


async def run(context: Context, options: argparse.Namespace) -> int:
    """Ask for failed deliveries again."""
    settings = load(CatchUpSettings, context.environ)
    if settings.github_token is None:
        raise UsageError("GITHUB_TOKEN is not set: a token that may read and write webhooks is needed")
    owner = _owner(options)
    since = context.now - min(options.since, _KEPT)
    rows = list[Redelivered]()
    async with GitHubDeliveries(settings.github_url, settings.github_token) as github:
        hooks = [options.hook] if options.hook else await github.hooks(owner)
        for hook in hooks:
            for delivery in failed(await github.deliveries(owner, hook, since)):
                if not options.dry_run:
                    await github.redeliver(owner, hook, delivery.id)
                rows.append(_row(f"{owner}/hooks/{hook}", delivery, asked=not options.dry_run))
    context.output.rows(rows, _COLUMNS, none=f"No delivery failed ({plural(len(hooks), 'webhook')} looked at).")
    return DONE if hooks else ANSWER_IS_NO


def _owner(options: argparse.Namespace) -> str:
    name = options.org or options.repo
    if not (re.fullmatch(r"[\w.-]+", name) if options.org else re.fullmatch(r"[\w.-]+/[\w.-]+", name)):
        expected = "the name of an organisation" if options.org else "a repository such as ada/engine"
        raise UsageError(f"{name!r} is not {expected}")
    return f"orgs/{name}" if options.org else f"repos/{name}"


def _row(hook: str, delivery: Delivery, *, asked: bool) -> Redelivered:
    return Redelivered(
        hook=hook,
        delivery=delivery.id,
        guid=delivery.guid,
        event=f"{delivery.event}.{delivery.action}" if delivery.action else delivery.event,
        status=delivery.status_code,
        delivered_at=delivery.delivered_at,
        asked=asked,
    )
