"""Create the credentials of a compose stack at its first start, a folder for each container.

A container mounts its own folder and no other, so that it cannot take the identity of another.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence

import msgspec

from deploy.certificates import certify
from deploy.credentials_arguments import COMPOSE_DATABASE, credentials_parser
from deploy.given import GivenError, take
from deploy.kustomize import write_component
from deploy.vault import Vault
from nightshift.contract.catalogue import PACKAGE, Catalogue, load_catalogue
from nightshift.database.producer_role import PRODUCER as PRODUCER_ROLE
from nightshift.database.roles import role_of
from nightshift.objects.access import aws_policy, seaweedfs_actions
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import CONSOLE, CONSOLE_OPERATOR, CONSOLE_VIEWER, Permissions, users
from nightshift.topology.producers import Producer, ProducersError, offered_types, producer_account, read_producers
from nightshift.topology.topology import Topology, declared_topology
from schema.access import OBJECTS, TABLES
from schema.account_keys import new_key

OPERATOR, PRODUCER, PROVISION = "operator", "producer", "provision"
_CONSOLE_USERS = (CONSOLE_VIEWER, CONSOLE_OPERATOR)
PASSWORD, DATABASE_URL, S3_SECRET = "nats-password", "database-url", "s3-secret-key"
S3_KEY, DATABASE_ROLES, ACCOUNT_KEYS = "s3-access-key", "database-roles", "account-keys"
BROKER_AUTHORITY = "nats-ca.pem"
_OWNER = "nightshift"
"""The owner of the tables, with whom only `provision` and the operator connect; and the application's key."""
_BUCKET = "nightshift"
_SERVERS = frozenset({"postgres", "seaweedfs"})
"""Whose own secrets may be given, too."""


class Stores(msgspec.Struct, frozen=True):
    """Where database and object store are: the stack's own by default."""

    database: str | None = None
    """Host, port, name and options, as they stand behind the @ of an address; None: as they were, else the stack's."""
    own_object_store: bool = True
    """False: a provider makes the keys, and they are put into the folders by hand."""

    def database_url(self, user: str, password: str, former: str) -> str:
        """Return the address for a user; `former` is the one that is there, or empty.

        Somebody's own address, which has another user, stays as it is.
        """
        scheme, _, rest = former.strip().partition("://")
        login, _, place = rest.rpartition("@")
        who = login.partition(":")[0]
        shared_before = who == _OWNER and place == COMPOSE_DATABASE  # up to 0.1 all services had the owner's
        if former and who != user and not shared_before:
            return former
        return f"{scheme or 'postgresql'}://{user}:{password}@{self.database or place or COMPOSE_DATABASE}"


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
    _broker(vault, table)
    if brokers:
        _cluster(vault, brokers, {_password_file(user, permissions) for user, permissions in table.items()})
    stores = stores or Stores()
    _database(vault, stores)
    if stores.own_object_store:
        _objects(vault)
    else:
        _policies(vault)
    # What it encrypts can be read by nobody without it: it is kept, also where it is the only key.
    if not vault.has(f"sync/{ACCOUNT_KEYS}"):
        vault.write(f"sync/{ACCOUNT_KEYS}", new_key())
    vault.secret("grafana/admin-password")
    return sorted(table)


def _broker(vault: Vault, table: Mapping[str, Permissions]) -> None:
    # `provision` runs as the operator, at every start.
    passwords = {user: vault.secret(_password_file(user, permissions)) for user, permissions in table.items()}
    vault.write("nats/users.conf", broker_config(table, passwords))


def _cluster(vault: Vault, hosts: Sequence[str], password_files: Collection[str]) -> None:
    """Let brokers know each other, by certificate and password; and clients know them, by their authority."""
    trusted = certify(vault, hosts)
    for folder in sorted({name.partition("/")[0] for name in password_files}):
        vault.write(f"{folder}/{BROKER_AUTHORITY}", trusted)
    password = vault.secret("authority/route-password")
    routes = ", ".join(f'"tls://route:{password}@{host}:6222"' for host in hosts)
    vault.write("nats/routes.conf", f'authorization {{user: "route", password: "{password}"}}\nroutes: [{routes}]\n')


def _password_file(user: str, permissions: Permissions) -> str:
    if permissions.account == producer_account(user) and user != PRODUCER:
        return f"{PRODUCER}/{user}-password"
    if user in _CONSOLE_USERS:  # one console has both, and logs in as the one that its settings name
        return f"{CONSOLE}/{user.removeprefix(f'{CONSOLE}-')}-{PASSWORD}"
    return f"{PROVISION if user == OPERATOR else user}/{PASSWORD}"


def _database(vault: Vault, stores: Stores) -> None:
    """Give each service a role of its own, and whoever enqueues by SQL; `provision` the owner's and all passwords."""
    vault.secret("postgres/superuser-password")
    owner = vault.secret("postgres/nightshift-password")
    with_access = [*(service for service, access in TABLES.items() if access), PRODUCER_ROLE]
    passwords = {service: vault.secret(f"{PROVISION}/roles/{service}") for service in with_access}
    for service, password in passwords.items():
        _address(vault, stores, service, role_of(service), password)
    _address(vault, stores, PROVISION, _OWNER, owner)
    vault.write(f"{PROVISION}/{DATABASE_ROLES}", json.dumps(passwords))


def _address(vault: Vault, stores: Stores, holder: str, user: str, password: str) -> None:
    name = f"{holder}/{DATABASE_URL}"
    vault.write(name, stores.database_url(user, password, vault.text(name)))


def _objects(vault: Vault) -> None:
    """Write the object store's keys: a service's reaches its folders, the operator's alone creates buckets."""
    actions = {service: seaweedfs_actions(access, _BUCKET) for service, access in OBJECTS.items()}
    own = {service: some for service, some in actions.items() if some}
    application = [f"{action}:{_BUCKET}" for action in ("Read", "Write", "List", "Tagging")]
    identities = []
    for name, allowed in {**own, _OWNER: application, OPERATOR: ["Admin"]}.items():
        secret = vault.secret(f"seaweedfs/{name}-secret")
        identities.append(_identity(name, secret, allowed))
        if name != _OWNER:
            folder = PROVISION if name == OPERATOR else name
            if vault.text(f"{folder}/{S3_KEY}").strip() not in {"", name, _OWNER}:
                continue  # a key that a provider made
            vault.write(f"{folder}/{S3_KEY}", name)
            vault.write(f"{folder}/{S3_SECRET}", secret)
    vault.write("seaweedfs/s3.json", json.dumps({"identities": identities}, indent=2))


def _policies(vault: Vault) -> None:
    """Write what each service's key at another provider's object store has to be allowed."""
    for service, access in OBJECTS.items():
        if access.write:
            policy = json.dumps(aws_policy(access, _BUCKET), indent=2)
            vault.write(f"s3-policies/{service}.json", policy)


def _identity(name: str, secret: str, actions: Sequence[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": list(actions)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit code 0: all is in place, 1: a folder cannot be written, 2: something is wrong."""
    options = credentials_parser().parse_args(arguments)
    stores = Stores(options.database, own_object_store=not options.external_objects)
    catalogue = load_catalogue(os.environ.get("CONTRACTS_PACKAGE") or PACKAGE)
    declared = declared_topology(catalogue)
    services = {consumer.name for consumer in declared.consumers}
    taken = frozenset({*services, *catalogue.gateways, CONSOLE, *_CONSOLE_USERS, "scheduler", OPERATOR, PROVISION})
    try:
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
