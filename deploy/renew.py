"""Replace passwords and keys of a stack: `docker compose run --rm -T credentials deploy.renew database`.

What is replaced here, the servers learn from their health checks within seconds, and roles of the database from
`provision`. Services read their files again; while the two differ, jobs wait.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy import credentials

_OUTSIDE = ("producer/*-password", "provision/roles/producer", "seaweedfs/nightshift-secret")
SECRETS = {
    "broker": ("*/nats-password", "console/*-nats-password"),
    "database": ("postgres/*-password", "provision/roles/*"),
    "objects": ("seaweedfs/*-secret",),
    "outside": _OUTSIDE,
}
"""What may be replaced -> where it is. What programs outside of the stack use is `outside` and nothing else."""
_PRODUCERS = Path("/etc/nightshift/producers.toml")


def secrets_of(root: Path, kinds: Iterable[str]) -> list[Path]:
    """Return the files of these kinds that are there."""
    outside = {file for pattern in _OUTSIDE for file in root.glob(pattern)}
    found = {kind: {file for pattern in SECRETS[kind] for file in root.glob(pattern)} for kind in kinds}
    return sorted({file for kind, files in found.items() for file in (files if kind == "outside" else files - outside)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit code 0: replaced, 1: a folder cannot be written, 2: wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.renew",
        description="Replace passwords and keys of the stack by new ones. Other options go to deploy.credentials.",
        epilog="example: docker compose run --rm -T credentials deploy.renew broker database objects",
    )
    parser.add_argument(
        "kinds",
        nargs="+",
        choices=sorted(SECRETS),
        metavar="KIND",
        help="broker, database, objects: what services and operator use there; outside: what all other programs use "
        "(producers at the broker, the role for enqueuing by SQL, the application's key at the object store)",
    )
    parser.add_argument("--out", type=Path, default=Path("/volumes/credentials"), help="where the credentials are")
    parser.add_argument("--producers", type=Path, default=_PRODUCERS, help="who may publish which jobs")
    options, rest = parser.parse_known_args(arguments)
    files = secrets_of(options.out, options.kinds)
    if not files:
        print(f"there are no such secrets in {options.out}: was the stack started?", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    try:
        for file in files:
            file.unlink()
    except OSError as error:
        print(f"the credentials cannot be replaced: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    producers = ["--producers", str(options.producers)] if options.producers.exists() else []
    code = credentials.main(["--out", str(options.out), *producers, *rest])
    if code == 0:
        print(f"{len(files)} secrets are new; let provision run now: docker compose up -d --wait --no-recreate")  # noqa: T201 - a command's output
    return code


if __name__ == "__main__":
    sys.exit(main())
