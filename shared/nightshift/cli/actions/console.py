"""`nightshift console`: serve the console of a project that has it, for the queues of a module."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from nightshift.cli.terminal.exit_codes import DONE, WRONG_USE
from nightshift.config.project import Project

_MISSING = """\
nightshift console: there is no {0} in {1}. The console is no part of the library yet: run it from a checkout of
Nightshift (PROJECT_FOLDER=<its folder> nightshift console), with PYTHONPATH=<your folder> for your own module.
"""


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; return the exit code of the console, or 2 for wrong use."""
    parser = console_parser()
    options, rest = parser.parse_known_args(arguments)
    project = Project.of_environment(os.environ)
    if options.help and not options.module:
        parser.print_help()
        return DONE
    if "console" not in project.services_with("__main__"):
        sys.stderr.write(_MISSING.format(f"{project.services}.console", project.folder))
        return WRONG_USE
    from nightshift.cli.client.settings import environment  # noqa: PLC0415 - no help needs it

    environ, _ = environment(argparse.Namespace(), os.environ, project.state_folder)
    named = {"CONTRACTS_PACKAGE": options.module} if options.module else {}
    command = [sys.executable, "-m", f"{project.services}.console", *(["--help"] if options.help else rest)]
    process = subprocess.Popen(command, cwd=project.folder, env={**environ, **named})  # noqa: S603 - the project's own
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the console has been told, too, and ends in good order
            continue


def console_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        prog="nightshift console",
        description="Serves the console, in which a person on call sees what is wrong and why, until Ctrl-C.",
        epilog="example: nightshift console shop.jobs",
        add_help=False,
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="the module, or package, that declares services (CONTRACTS_PACKAGE)"
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this, or with a module the settings, and exit")
    return parser
