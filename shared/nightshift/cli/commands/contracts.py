"""`nightshift contracts`: documents of an application's messages, and what in them breaks its last release."""

import argparse
from pathlib import Path

from nightshift.cli.client.command import Groups, command


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "contracts",
        "Write JSON Schemas, AsyncAPI and TypeScript of a module's messages, and compare them with the last release.",
        example="nightshift contracts shop.jobs --out contracts",
        more="What breaks the newest release that was kept (--release) is told, with exit code 1.",
    )
    parser.add_argument("module", metavar="MODULE", help="the module, or package, that declares the messages")
    parser.add_argument("--out", type=Path, default=Path("contracts"), metavar="FOLDER", help="where they are written")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is not up to date")
    parser.add_argument("--release", metavar="VERSION", help="keep the schemas as those of this release")
    parser.set_defaults(at_once=_run)


def _run(options: argparse.Namespace) -> int:
    from nightshift.cli.actions.contracts import run  # noqa: PLC0415 - no other command needs it

    return run(options)
