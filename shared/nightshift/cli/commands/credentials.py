"""`nightshift credentials`: who logs in where, for the services of a module."""

import argparse

from nightshift.cli.client.command import Groups, command
from nightshift.credentials.arguments import add_arguments


def register(groups: Groups) -> None:
    """Declare the command."""
    parser = command(
        groups,
        "credentials",
        "Make passwords and keys for the services of a module: users of the broker, roles of PostgreSQL, keys of the "
        "object store.",
        example="nightshift credentials shop.jobs --out credentials",
        more="Each process gets a folder of its own, and each login what the services declare, no more. What is there "
        "is kept, so it can be run again whenever the module has changed; then reload the broker and run `nightshift "
        "provision`, which makes the roles (DATABASE_ROLES_FILE=credentials/provision/database-roles).",
    )
    parser.add_argument(
        "module", metavar="MODULE", nargs="?", help="the module, or package, that declares services (CONTRACTS_PACKAGE)"
    )
    add_arguments(parser)
    parser.set_defaults(at_once=_run)


def _run(options: argparse.Namespace) -> int:
    from nightshift.cli.actions.credentials import run  # noqa: PLC0415 - no other command needs it

    return run(options)
