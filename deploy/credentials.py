"""Create the credentials of a compose stack at its first start, a folder for each container.

A container mounts its own folder and no other, so that it cannot take the identity of another.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightshift.contract.catalogue import Catalogue, load_catalogue
from nightshift.topology.permissions import Permissions, broker_config, producer_account, users
from nightshift.topology.producers import ProducersError, offered_types, read_producers
from nightshift.topology.topology import Topology, declared_topology

OPERATOR, PRODUCER, PROVISION = "operator", "producer", "provision"
PASSWORD, DATABASE_URL, S3_SECRET = "nats-password", "database-url", "s3-secret-key"
_DATABASE = "postgresql://nightshift:{password}@postgres:5432/nightshift"
_BUCKET = "nightshift"
_READABLE_BY_OWNER_AND_GROUP = 0o440


class Vault:
    """The folders of credentials. Existing secrets are kept."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def secret(self, name: str) -> str:
        """Return the secret in a file; create a random one if there is none."""
        file = self._root / name
        if not file.exists():
            self.write(name, secrets.token_urlsafe(32))
        return file.read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file that is derived from others, atomically."""
        file = self._root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(text, encoding="utf-8")
        part.chmod(_READABLE_BY_OWNER_AND_GROUP)
        part.replace(file)


def issue(
    vault: Vault,
    declared: Topology,
    catalogue: Catalogue,
    producers: Mapping[str, Sequence[str]] | None = None,
    offered: Sequence[str] | None = None,
) -> list[str]:
    """Create what is missing, update what is derived; return the broker's users.

    `producers` says who outside may publish which jobs, `offered` which jobs the gateway takes; by default all that
    are not internal.
    """
    table = users(declared, catalogue, producers, offered)
    _broker(vault, table)
    database = _database(vault)
    services = {*(consumer.name for consumer in declared.consumers), *catalogue.gateways}
    secret, operator_secret = _objects(vault)
    for holder in services:
        vault.write(f"{holder}/{DATABASE_URL}", database)
        vault.write(f"{holder}/{S3_SECRET}", secret)
    vault.write(f"{PROVISION}/{DATABASE_URL}", database)
    vault.write(f"{PROVISION}/{S3_SECRET}", operator_secret)
    vault.secret("grafana/admin-password")
    return sorted(table)


def _broker(vault: Vault, table: Mapping[str, Permissions]) -> None:
    # `provision` runs as the operator, at every start.
    passwords = {user: vault.secret(_password_file(user, permissions)) for user, permissions in table.items()}
    vault.write("nats/users.conf", broker_config(table, passwords))


def _password_file(user: str, permissions: Permissions) -> str:
    if permissions.account == producer_account(user) and user != PRODUCER:
        return f"{PRODUCER}/{user}-password"
    return f"{PROVISION if user == OPERATOR else user}/{PASSWORD}"


def _database(vault: Vault) -> str:
    vault.secret("postgres/superuser-password")
    return _DATABASE.format(password=vault.secret("postgres/nightshift-password"))


def _objects(vault: Vault) -> tuple[str, str]:
    """Write the object store's users; return the services' secret and the operator's, who alone creates buckets."""
    secret, operator_secret = vault.secret("seaweedfs/nightshift-secret"), vault.secret("seaweedfs/operator-secret")
    own = [f"{action}:{_BUCKET}" for action in ("Read", "Write", "List", "Tagging")]
    identities = [_identity("nightshift", secret, own), _identity(OPERATOR, operator_secret, ["Admin"])]
    vault.write("seaweedfs/s3.json", json.dumps({"identities": identities}, indent=2))
    return secret, operator_secret


def _identity(name: str, secret: str, actions: Sequence[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": list(actions)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit code 0: all is in place, 1: a folder cannot be written, 2: wrong producers."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.credentials",
        description="Create passwords and keys for broker, database and object store; existing ones are kept.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder with one folder per container")
    parser.add_argument("--producers", type=Path, help="TOML file that says which user may publish which jobs")
    parser.add_argument(
        "--gateway-jobs",
        default=os.environ.get("GATEWAY_JOBS", ""),
        help="job types that the gateway takes, such as email.send,report.*: its setting GATEWAY_JOBS, the default",
    )
    options = parser.parse_args(arguments)
    catalogue = load_catalogue()
    declared = declared_topology(catalogue)
    services = {consumer.name for consumer in declared.consumers}
    taken = frozenset({*services, *catalogue.gateways, "scheduler", OPERATOR, PROVISION})
    try:
        producers = read_producers(options.producers, catalogue, taken) if options.producers else None
        offered = offered_types([one.strip() for one in options.gateway_jobs.split(",") if one.strip()], catalogue)
        names = issue(Vault(options.out), declared, catalogue, producers, offered)
    except (ProducersError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    except OSError as error:
        print(f"the credentials cannot be written: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    print(f"credentials are in place for {', '.join(names)}")  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
