"""`nightshift console link`: the link of a console on this machine that works at the moment."""

import argparse
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import DONE, CommandError, UsageError

_USUAL_PORT = "8090"


class Link(msgspec.Struct, frozen=True):
    """The address."""

    url: str


async def show(context: Context, _options: argparse.Namespace) -> int:
    """Show the link that the console's file holds."""
    environ = context.environ
    name = environ.get("CONSOLE_LINK_FILE")
    if not name:
        raise UsageError(
            "CONSOLE_LINK_FILE is not set, so the console shows its links where it runs; "
            "with CONSOLE_USERS_FILE or a proxy people sign in without one"
        )
    secret = _secret_in(Path(name))
    base = environ.get("CONSOLE_URL") or f"http://127.0.0.1:{environ.get('CONSOLE_PORT') or _USUAL_PORT}"
    link = Link(f"{base.rstrip('/')}/sign-in?{urlencode({'link': secret})}")
    if context.output.as_json:
        context.output.json(link)
    context.output.line(link.url)
    return DONE


def _secret_in(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None
