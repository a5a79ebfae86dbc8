"""`nightshift console`: serve the console, for the queues of a module."""

import argparse
import os
from collections.abc import Callable, Sequence
from importlib import import_module

from nightshift.cli.client.command import add_connection
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.project import Project

_SERVICE = "nightshift.console.service"
"""Named by its place, as commands are: the console is built on the command line, and so above it."""
_MISSING = """\
what serves it is not installed here ({0}).
Install it with: pip install 'nightshift-jobs[console]'"""


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; return the exit code: 0 stopped, 1 broken, 2 wrong use or settings."""
    parser = console_parser()
    options, rest = parser.parse_known_args(arguments)
    if options.help and not options.module:
        parser.print_help()
        return DONE
    try:
        run: Callable[..., int] = import_module(_SERVICE).run
    except ModuleNotFoundError as missing:
        return fail("nightshift console", _MISSING.format(missing))
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help needs it

    environ, _ = environment(argparse.Namespace(), os.environ, Project.of_environment(os.environ).state_folder)
    named = {"CONTRACTS_PACKAGE": options.module} if options.module else {}
    program = " ".join(["nightshift console", *([options.module] if options.module else [])])
    return run(program, ["--help"] if options.help else rest, {**environ, **named})


def console_parser() -> ProgramParser:
    """Return the parser."""
    parser = ProgramParser(
        prog="nightshift console",
        description="Serves the console, in which a person on call sees what is wrong and why, until SIGTERM or "
        "Ctrl-C. `nightshift console link` shows the link that signs in to the one of this machine; "
        "`nightshift console --hash-password` makes the hash of a password for CONSOLE_USERS_FILE.",
        epilog="example: nightshift console shop.jobs",
        add_help=False,
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="the module, or package, that declares services (CONTRACTS_PACKAGE)"
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this, or with a module the settings, and exit")
    add_connection(parser)
    return parser
