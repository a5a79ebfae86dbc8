"""`nightshift gateway`: take the jobs of a module, and the webhooks that it handles, over HTTP."""

import argparse
import os
from collections.abc import Sequence

from nightshift.cli.client.command import add_connection
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.project import Project

_MISSING = """\
what serves HTTP is not installed here ({0}).
Install it with: pip install 'nightshift-jobs[gateway]'"""


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; return the exit code: 0 stopped, 1 broken, 2 wrong use or settings."""
    parser = gateway_parser()
    options, rest = parser.parse_known_args(arguments)
    module = options.module or os.environ.get("CONTRACTS_PACKAGE")
    if not module:
        if options.help:
            parser.print_help()
            return DONE
        parser.error("name the module that declares the services, such as shop.jobs")
    return _run(module, ["--help"] if options.help else rest)


def gateway_parser() -> ProgramParser:
    """Return the parser."""
    parser = ProgramParser(
        prog="nightshift gateway",
        description="Takes jobs and webhooks of providers over HTTP, until SIGTERM or Ctrl-C. Any number of processes "
        "may run. With a module, --help lists the settings.",
        epilog="example: GATEWAY_JOBS='*' GATEWAY_WEBHOOKS=webhooks.toml nightshift gateway shop.jobs",
        add_help=False,
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="the module, or package, that declares services (CONTRACTS_PACKAGE)"
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this, or with a module the settings, and exit")
    add_connection(parser)
    return parser


def _run(module: str, rest: list[str]) -> int:
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help without a module needs it
    from nightshift.contract.loading import problem_with  # noqa: PLC0415 - the same

    problem = problem_with(module)
    if problem is not None:
        return fail("nightshift gateway", problem)
    try:
        from nightshift.gateway.area import PLAIN  # noqa: PLC0415 - it may not be installed
        from nightshift.gateway.service import run  # noqa: PLC0415 - the same
    except ModuleNotFoundError as missing:
        return fail("nightshift gateway", _MISSING.format(missing))
    environ, _ = environment(argparse.Namespace(), os.environ, Project.of_environment(os.environ).state_folder)
    return run(PLAIN, f"nightshift gateway {module}", rest, {**environ, "CONTRACTS_PACKAGE": module})
