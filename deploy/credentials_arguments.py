"""The arguments of `deploy.credentials`.

Those that say what the stack is like may stand in the environment, so that `deploy.renew` finds the same there.
"""

import argparse
import os
from pathlib import Path

from nightshift.credentials.arguments import add_arguments, names


def credentials_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.credentials",
        description="Create passwords and keys for broker, database and object store. Existing ones are kept, and so "
        "are addresses and keys of your own. New ones: python -m deploy.renew --help",
        epilog="example: python -m deploy.credentials --out credentials",
    )
    add_arguments(parser)
    parser.add_argument(
        "--given",
        type=Path,
        metavar="FOLDER",
        default=os.environ.get("CREDENTIALS_GIVEN") or None,
        help="secrets of servers of your own, such as email/s3-secret-key or postgres/nightshift-password in it: they "
        "are copied to where the containers read them (CREDENTIALS_GIVEN)",
    )
    parser.add_argument(
        "--kustomize",
        action="store_true",
        help="write kustomization.yaml beside them, a component that makes a Secret of each folder",
    )
    parser.add_argument(
        "--brokers",
        type=names,
        metavar="HOST,HOST,HOST",
        default=os.environ.get("CREDENTIALS_BROKERS", ""),
        help="hosts of brokers that are several: certificates for them, and a password among themselves "
        "(CREDENTIALS_BROKERS)",
    )
    return parser
