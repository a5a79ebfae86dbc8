"""`nightshift keys`: the API keys of the gateway."""

import argparse

from nightshift.cli.client.command import Groups, command, destructive, group
from nightshift.cli.terminal.parse_time import parse_some_time
from nightshift.gateway.auth.scopes import SCOPES

_SCOPES = "scopes:\n" + "\n".join(f"  {name:<12} {meaning}" for name, meaning in SCOPES.items())
OWN = "nightshift.gateway.auth.key_table:KEYS"


def register(groups: Groups, table: str = OWN) -> None:
    """Declare the commands; `table` is the place of the `KeyTable`, which an application may have of its own."""
    keys = group(groups, "keys", "The API keys of the gateway.")
    _register_create(keys)
    command(
        keys,
        "list",
        "List the keys; what is secret of them is not stored.",
        example="nightshift keys list",
        run="nightshift.cli.actions.keys:list_keys",
    )
    revoke = command(
        keys,
        "revoke",
        "Revoke a key: the gateway refuses it within 5 seconds.",
        example="nightshift keys revoke 7Hc2kQ9a",
        run="nightshift.cli.actions.keys:revoke",
    )
    revoke.add_argument("id", metavar="ID", help="the key's id: its third part, after the second underscore")
    destructive(revoke)
    for parser in keys.choices.values():
        parser.set_defaults(table=table)


def _register_create(keys: Groups) -> None:
    create = command(
        keys,
        "create",
        "Make a key. It is shown once: it cannot be shown again.",
        example="nightshift keys create webshop --scope 'jobs:write:email.*' --scope jobs:read --expires 90d",
        more=_SCOPES,
        run="nightshift.cli.actions.keys:create",
    )
    create.add_argument("name", metavar="NAME", help="who uses it, for the list of keys")
    create.add_argument(
        "--scope", action="append", default=[], metavar="SCOPE", help="what it may do; may be repeated", required=True
    )
    create.add_argument(
        "--user-id", metavar="ID", help="bind it to a user: it acts for that user, and reaches no other's"
    )
    create.add_argument("--environment", default="live", metavar="WORD", help="a word in the key (default: live)")
    create.add_argument("--expires", type=parse_some_time, metavar="SPAN", help="how long it lives: 90d, 12h")
    create.add_argument("--rate", type=_positive, metavar="N", help="requests, and jobs of batches, per second")
    create.add_argument("--burst", type=_positive, metavar="N", help="so many at once, after a rest")
    create.add_argument("--files-per-day", type=_count, metavar="N", help="files that it may upload a day")
    create.add_argument("--bytes-per-day", type=_count, metavar="N", help="bytes that it may upload a day")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1e9:  # noqa: PLR2004 - beyond, it is no limit
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 15:  # noqa: PLR2004 - a petabyte
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)
