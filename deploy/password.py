"""Print a password of the stack, for a client on the host.

`docker compose run --rm -T credentials deploy.password producer`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

FILES = {
    "producer": "producer/nats-password",
    "producer-database": "provision/roles/producer",
    "operator": "provision/nats-password",
    "postgres": "postgres/nightshift-password",
    "s3": "seaweedfs/nightshift-secret",
    "grafana": "grafana/admin-password",
    "accounts": "sync/account-keys",
    "broker-authority": "nats/ca.pem",
}
"""Who may be asked for -> where it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 1 when there is no such password yet."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.password",
        description="Prints one password that the stack made at its first start; or, as broker-authority, the "
        "certificate of the authority that signed that of three brokers.",
    )
    parser.add_argument(
        "whose", help=f"one of {', '.join(sorted(FILES))}, or another producer of deploy/producers.toml"
    )
    parser.add_argument("--out", type=Path, default=Path("/volumes/credentials"), help="where the credentials are")
    options = parser.parse_args(arguments)
    file = FILES.get(options.whose, f"producer/{Path(options.whose).name}-password")
    try:
        print((options.out / file).read_text(encoding="utf-8"))  # noqa: T201 - what it is for
    except OSError as error:
        print(f"no such password: {error} (was the stack started?)", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
