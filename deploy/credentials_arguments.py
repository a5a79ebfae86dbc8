"""The arguments of `deploy.credentials`.

Those that say what the stack is like may stand in the environment, so that `deploy.renew` finds the same there.
"""

import argparse
import os
from pathlib import Path

COMPOSE_DATABASE = "postgres:5432/nightshift"


def credentials_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.credentials",
        description="Create passwords and keys for broker, database and object store. Existing ones are kept, and so "
        "are addresses and keys of your own. New ones: python -m deploy.renew --help",
        epilog="example: python -m deploy.credentials --out credentials",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder with one folder per container")
    parser.add_argument("--producers", type=Path, help="TOML file that says which user may publish which jobs")
    parser.add_argument(
        "--gateway-jobs",
        type=_names,
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
        "--external-objects",
        action="store_true",
        default=os.environ.get("CREDENTIALS_EXTERNAL_OBJECTS") == "true",
        help="a provider's object store: write a policy for each service into s3-policies, and no keys "
        "(CREDENTIALS_EXTERNAL_OBJECTS=true)",
    )
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
        type=_names,
        metavar="HOST,HOST,HOST",
        default=os.environ.get("CREDENTIALS_BROKERS", ""),
        help="hosts of brokers that are several: certificates for them, and a password among themselves "
        "(CREDENTIALS_BROKERS)",
    )
    return parser


def _names(text: str) -> list[str]:
    return [name for one in text.split(",") if (name := one.strip())]
