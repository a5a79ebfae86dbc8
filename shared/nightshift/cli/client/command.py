"""Declaring a command: name, help, example, and the function that runs it.

Whatever declares commands is loaded for every `--help`: what they do is named by its place, and loaded when it is run.
"""

import argparse
from typing import TYPE_CHECKING, TypeAlias

from nightshift.cli.terminal.parse_number import parse_count
from nightshift.config.program_parser import ProgramParser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nightshift.cli.client.context import Context

Run: TypeAlias = "Callable[[Context, argparse.Namespace], Awaitable[int]]"
Groups: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse gives its type no public name
"""The parsers to which commands are added."""

CONNECTION = {"url": "NATS_URL", "creds": "NATS_CREDS_FILE", "user": "NATS_USER", "ca": "NATS_CA_FILE"}
"""The options that say which broker is meant, and who asks; with the settings that say the same."""


class Parser(ProgramParser):
    """The parser of a command, or of a group of commands."""

    commands: "Groups | None" = None
    """Where the commands of a group are added."""


def group(groups: Groups, name: str, text: str) -> Groups:
    """Declare a group of commands (`queues`), or go on with it; return the parsers to which its commands are added."""
    if (known := groups.choices.get(name)) is not None and known.commands is not None:
        return known.commands
    parser = groups.add_parser(name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest=f"{name}_command")
    return parser.commands


def command(
    groups: Groups,
    name: str,
    text: str,
    *,
    example: str,
    run: "Run | str | None" = None,
    more: str = "",
) -> Parser:
    """Declare one command; return its parser, to which its arguments are added.

    `run` is the function, or better its place, `my.module:function`: then the module is loaded when the command is run.
    """
    parser = groups.add_parser(
        name,
        help=text,
        description=f"{text}\n\n{more}".strip(),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_flags(parser)
    return parser


def destructive(parser: Parser) -> None:
    """Add `--yes` to a command that asks before it destroys anything."""
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def explained(parser: Parser) -> None:
    """Add `--because` to a command that others should understand."""
    parser.add_argument("--because", metavar="TEXT", help="why, for the record: nightshift audit list")


def releasing(parser: Parser) -> None:
    """Add `--unrecorded` to a command that frees space or lets work go on: a broker whose disk is full may need it."""
    parser.add_argument(
        "--unrecorded", action="store_true", help="go on if it cannot be recorded; it is recorded afterwards"
    )


def add_limit(parser: Parser, which: str) -> None:
    """Add `--limit` to a list that may be long; `which` are shown: the newest, the oldest."""
    text = f"at most the {which} N (default 50; 0: all)"
    parser.add_argument("--limit", type=parse_count, default=50, metavar="N", help=text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command. They have no defaults, so that they may stand before or after the command."""
    suppress = argparse.SUPPRESS
    group = add_connection(parser, "connection and output")
    group.add_argument("--json", action="store_true", default=suppress, help="JSON on standard output, for programs")


def add_connection(parser: argparse.ArgumentParser, title: str = "connection") -> "argparse._ArgumentGroup":
    """Add the options of `CONNECTION`; return their group."""
    suppress = argparse.SUPPRESS
    group = parser.add_argument_group(title)
    group.add_argument(
        "--url", default=suppress, help="address of the broker (NATS_URL), several with commas; tls:// for TLS"
    )
    group.add_argument("--creds", default=suppress, metavar="FILE", help="credentials file (NATS_CREDS_FILE)")
    group.add_argument("--user", default=suppress, help="user (NATS_USER); the password comes from NATS_PASSWORD")
    group.add_argument(
        "--ca", default=suppress, metavar="FILE", help="who signed the broker's certificate (NATS_CA_FILE)"
    )
    return group
