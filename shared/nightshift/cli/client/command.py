"""Declaring a command: name, help, example, and the function that runs it."""

import argparse
import re
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeAlias

from nightshift.cli.client.context import Context
from nightshift.cli.client.settings import add_flags
from nightshift.cli.terminal.exit_codes import WRONG_USE
from nightshift.text import did_you_mean

Run = Callable[[Context, argparse.Namespace], Awaitable[int]]
Groups: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse gives its type no public name
"""The parsers to which commands are added."""

_INVALID_CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest what was meant, and where to read more."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        match = _INVALID_CHOICE.search(message)
        if match:
            known = [word.strip(" '") for word in match[2].split(",")]
            hint = did_you_mean(match[1], known) or f"; there are: {', '.join(known)}"
            message = f"there is no '{match[1]}'{hint}"
        sys.stderr.write(f"{self.prog}: {message}\nTry: {self.prog} --help\n")
        raise SystemExit(WRONG_USE)


def group(groups: Groups, name: str, text: str) -> Groups:
    """Declare a group of commands (`queues`); return the parsers to which its commands are added."""
    parser = groups.add_parser(name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest=f"{name}_command")


def command(
    groups: Groups,
    name: str,
    text: str,
    *,
    example: str,
    run: Run | None = None,
    more: str = "",
) -> Parser:
    """Declare one command; return its parser, to which its arguments are added."""
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
