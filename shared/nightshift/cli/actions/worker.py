"""`nightshift worker`: run the jobs of a service that a module declares."""

import argparse
import os
from collections.abc import Sequence

from nightshift.cli.client.command import add_connection
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.config.program_parser import ProgramParser, fail
from nightshift.config.project import Project


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; return the exit code: 0 stopped, 1 broken, 2 wrong use or settings."""
    parser = worker_parser()
    options, rest = parser.parse_known_args(arguments)
    project = Project.of_environment(os.environ)
    module = options.module or os.environ.get("CONTRACTS_PACKAGE")
    if not module:
        if options.help:
            parser.print_help()
            return DONE
        parser.error("name the module that declares the service, such as shop.jobs")
    return _run(module, options, rest, project)


def worker_parser() -> ProgramParser:
    """Return the parser."""
    parser = ProgramParser(
        prog="nightshift worker",
        description="Runs the jobs of a service that a module declares, until SIGTERM or Ctrl-C. Any number of "
        "processes may run. With a module, --help lists the service's settings.",
        epilog="example: nightshift worker shop.jobs",
        add_help=False,
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="the module, or package, that declares it (CONTRACTS_PACKAGE)"
    )
    parser.add_argument("--service", metavar="SERVICE", help="which one, where there are several")
    parser.add_argument("-h", "--help", action="store_true", help="show this, or with a module its settings, and exit")
    add_connection(parser)
    return parser


def _run(module: str, options: argparse.Namespace, rest: list[str], project: Project) -> int:
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help without a module needs it
    from nightshift.contract.loading import problem_with  # noqa: PLC0415 - the same

    problem = problem_with(module)
    if problem is not None:
        return fail("nightshift worker", problem)
    from nightshift.service.choosing import NoSuchServiceError, choose  # noqa: PLC0415 - the same

    try:
        service = choose(module, options.service)
    except NoSuchServiceError as error:
        return fail("nightshift worker", str(error))
    environ, _ = environment(argparse.Namespace(), os.environ, project.state_folder)
    program = f"nightshift worker {module} --service {service.name}"
    return service.run(program, ["--help"] if options.help else rest, {**environ, "CONTRACTS_PACKAGE": module})
