"""The arguments of `nightshift up`, apart from it, so that help and mistakes need none of the stack."""

import argparse
from pathlib import Path

from nightshift.config.program_parser import ProgramParser
from nightshift.embedded.own_settings import OWN_SETTINGS


def up_parser() -> ProgramParser:
    """Return the parser."""
    parser = ProgramParser(
        prog="nightshift up",
        description="Run broker, object store, mail catcher, database and all services, without Docker, until Ctrl-C. "
        "Everything listens on loopback only. The state is kept: the next start goes on with it.",
        epilog="With a MODULE its services run, and are started anew whenever a source file of\n"
        "the project changes. Without one,\n"
        "the services are those of the working directory, or of PROJECT_FOLDER: the\n"
        "folders of its package `services` (SERVICES_PACKAGE) that can be run. Its\n"
        "contracts are in `contracts` (CONTRACTS_PACKAGE). What its services need besides\n"
        f"is in its file {OWN_SETTINGS}, if there is one: lines NAME=value.\n\n"
        "Example: nightshift up shop.jobs --replicas billing=2 --set LOG_LEVEL=debug",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="a module that declares services, such as shop.jobs"
    )
    parser.add_argument("--no-reload", action="store_true", help="do not look for changes of the project's files")
    parser.add_argument("--folder", type=Path, help="where the state is kept (default: var/up in the project)")
    parser.add_argument("--no-services", action="store_true", help="only the infrastructure, nothing provisioned")
    parser.add_argument(
        "--replicas",
        type=_replicas,
        action="append",
        default=[],
        metavar="SERVICE=N",
        help="processes of a service, 0 for none (default: 1, of the scheduler 2); may be repeated",
    )
    parser.add_argument(
        "--prepare", metavar="MODULE", help="run this module when all is provisioned, with the folder as its argument"
    )
    parser.add_argument(
        "--set",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting for all services; those of your shell are not passed on; may be repeated",
    )
    return parser


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _replicas(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if not (count.isascii() and count.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form SERVICE=N with a whole number")
    return name, int(count)
