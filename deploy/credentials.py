"""Create the credentials of a compose stack at its first start, a folder for each container.

A container mounts its own folder and no other, so that it cannot take the identity of another.
"""

import os
import sys
from collections.abc import Collection, Mapping, Sequence

from deploy.certificates import certify
from deploy.credentials_arguments import credentials_parser
from deploy.given import GivenError, take
from deploy.kustomize import write_component
from nightshift.contract.catalogue import PACKAGE, Catalogue, load_catalogue
from nightshift.credentials import issuing
from nightshift.credentials.issuing import OPERATOR, PROVISION, Access, Stores, object_access_of
from nightshift.credentials.vault import Vault
from nightshift.database.access import declared_access
from nightshift.topology.permissions import CONSOLE_VIEWER, users
from nightshift.topology.producers import Producer, ProducersError, offered_types, read_producers
from nightshift.topology.topology import Topology, declared_topology
from schema.access import OBJECTS
from schema.account_keys import new_key

ACCOUNT_KEYS = "account-keys"
BROKER_AUTHORITY = "nats-ca.pem"
_SERVERS = frozenset({"postgres", "seaweedfs"})
"""Whose own secrets may be given, too."""


def issue(
    vault: Vault,
    declared: Topology,
    catalogue: Catalogue,
    producers: Mapping[str, Producer] | None = None,
    offered: Sequence[str] | None = None,
    *,
    stores: Stores | None = None,
    brokers: Sequence[str] = (),
) -> list[str]:
    """Create what is missing, update what is derived; return the broker's users.

    `producers` says who outside may publish which jobs, `offered` which jobs the gateway takes; by default all that
    are not internal. `brokers` are the hosts of brokers that are several, which then speak TLS with everybody.
    """
    table = users(declared, catalogue, producers, offered)
    if brokers:
        _cluster(vault, brokers, {issuing.password_file(user, permissions) for user, permissions in table.items()})
    access = Access(declared_access(None, catalogue.services.values()), {**object_access_of(catalogue), **OBJECTS})
    issuing.issue(vault, table, access, stores or Stores())
    # What it encrypts can be read by nobody without it: it is kept, also where it is the only key.
    if not vault.has(f"sync/{ACCOUNT_KEYS}"):
        vault.write(f"sync/{ACCOUNT_KEYS}", new_key())
    vault.secret("grafana/admin-password")
    return sorted(table)


def _cluster(vault: Vault, hosts: Sequence[str], password_files: Collection[str]) -> None:
    """Let brokers know each other, by certificate and password; and clients know them, by their authority."""
    trusted = certify(vault, hosts)
    for folder in sorted({name.partition("/")[0] for name in password_files}):
        vault.write(f"{folder}/{BROKER_AUTHORITY}", trusted)
    password = vault.secret("authority/route-password")
    routes = ", ".join(f'"tls://route:{password}@{host}:6222"' for host in hosts)
    vault.write("nats/routes.conf", f'authorization {{user: "route", password: "{password}"}}\nroutes: [{routes}]\n')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit code 0: all is in place, 1: a folder cannot be written, 2: something is wrong."""
    options = credentials_parser().parse_args(arguments)
    stores = Stores(options.database, own_object_store=not options.external_objects, role_prefix=options.role_prefix)
    catalogue = load_catalogue(os.environ.get("CONTRACTS_PACKAGE") or PACKAGE)
    declared = declared_topology(catalogue)
    try:
        taken = issuing.names_taken(declared, catalogue)
        producers = read_producers(options.producers, catalogue, taken) if options.producers else None
        offered = offered_types(options.gateway_jobs, catalogue)
        vault = Vault(options.out)
        given = take(vault, options.given, {*taken, *_SERVERS} - {OPERATOR, CONSOLE_VIEWER}) if options.given else []
        names = issue(vault, declared, catalogue, producers, offered, stores=stores, brokers=options.brokers)
        if options.kustomize:
            write_component(options.out, {*taken, PROVISION} - {OPERATOR, CONSOLE_VIEWER})
    except (GivenError, ProducersError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    except OSError as error:
        print(f"the credentials cannot be written: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    for name in given:
        print(f"{name} is new")  # noqa: T201 - a command's output
    print(f"credentials are in place for {', '.join(names)}")  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
