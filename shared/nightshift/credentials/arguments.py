"""The arguments of whatever makes credentials, apart from it, so that help and mistakes need none of the libraries.

Those that say what the installation is like may stand in the environment, so that a later run finds the same there.
"""

import argparse
import os
from pathlib import Path

from nightshift.contract.access import ROLE_PREFIX

COMPOSE_DATABASE = "postgres:5432/nightshift"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder, who publishes what, and where database and object store are."""
    parser.add_argument("--out", type=Path, required=True, help="folder with one folder per container")
    parser.add_argument("--producers", type=Path, help="TOML file that says which user may publish which jobs")
    parser.add_argument(
        "--gateway-jobs",
        type=names,
        default=os.environ.get("GATEWAY_JOBS", ""),
        help="job types that the gateway takes, such as email.send,report.*: its setting GATEWAY_JOBS, the default",
    )
    parser.add_argument(
        "--database",
        metavar="HOST:PORT/NAME",
        default=os.environ.get("CREDENTIALS_DATABASE") or None,
        help="the services' PostgreSQL, with options such as ?sslmode=verify-full; by default as it is in the "
        f"addresses that are there, at first {COMPOSE_DATABASE} (CREDENTIALS_DATABASE)",
    )
    parser.add_argument(
        "--role-prefix",
        metavar="WORD",
        default=os.environ.get("DATABASE_ROLE_PREFIX") or ROLE_PREFIX,
        help="what the names of the roles begin with; roles belong to a whole server, so a second installation there "
        "has another one (DATABASE_ROLE_PREFIX, as for provision)",
    )
    parser.add_argument(
        "--external-objects",
        action="store_true",
        default=os.environ.get("CREDENTIALS_EXTERNAL_OBJECTS") == "true",
        help="a provider's object store: write a policy for each service into s3-policies, and no keys "
        "(CREDENTIALS_EXTERNAL_OBJECTS=true)",
    )


def names(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [name for one in text.split(",") if (name := one.strip())]
