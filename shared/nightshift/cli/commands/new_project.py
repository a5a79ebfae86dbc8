"""`nightshift new-project`: a project that runs."""

import argparse
from pathlib import Path

from nightshift.cli.client.command import Groups, command


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "new-project",
        "Write a project that runs: jobs, a table and its migration, a test, a compose file, CI.",
        example="nightshift new-project shop",
    )
    parser.add_argument("name", metavar="NAME", help="the package's name, which is also its service's")
    parser.add_argument(
        "--folder", type=Path, metavar="FOLDER", help="where it is written (default: a new folder NAME)"
    )
    parser.set_defaults(at_once=_run)


def _run(options: argparse.Namespace) -> int:
    from nightshift.cli.actions.new_project import run  # noqa: PLC0415 - no other command needs it

    return run(options)
