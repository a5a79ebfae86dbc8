"""Write what each process needs to log in: to the broker, to PostgreSQL, to the object store.

A container mounts its own folder and no other, so that it cannot take the identity of another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nightshift.contract.access import CLAIMS, ROLE_PREFIX
from nightshift.contract.catalogue import Catalogue
from nightshift.credentials.arguments import COMPOSE_DATABASE
from nightshift.credentials.vault import Vault
from nightshift.database.access import TableAccess
from nightshift.database.producer_role import PRODUCER as PRODUCER_ROLE
from nightshift.database.roles import role_of
from nightshift.objects.access import PROBE, ObjectAccess, aws_policy, seaweedfs_actions
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import CONSOLE, CONSOLE_OPERATOR, CONSOLE_VIEWER, Permissions
from nightshift.topology.producers import producer_account
from nightshift.topology.topology import Topology

OPERATOR, PRODUCER, PROVISION = "operator", "producer", "provision"
CONSOLE_USERS = (CONSOLE_VIEWER, CONSOLE_OPERATOR)
PASSWORD, DATABASE_URL, S3_SECRET = "nats-password", "database-url", "s3-secret-key"
S3_KEY, DATABASE_ROLES = "s3-access-key", "database-roles"
OWNER = "nightshift"
"""The owner of the tables, with whom only `provision` and the operator connect; and the application's key."""
FOLDERS = frozenset({OWNER, PROVISION, "nats", "postgres", "seaweedfs", "s3-policies"})
"""What no service can be called, as its folder or its key would be another's."""
BUCKET = "nightshift"
GATEWAY_OBJECTS = ObjectAccess(write=(CLAIMS,), list=(PROBE,))
"""What the library's gateway does: it stores the bodies of long jobs."""


@dataclass(frozen=True, slots=True)
class Access:
    """What each process may do in the database, and at the object store."""

    tables: Mapping[str, TableAccess]
    objects: Mapping[str, ObjectAccess]


class Stores(msgspec.Struct, frozen=True):
    """Where database and object store are: the stack's own by default."""

    database: str | None = None
    """Host, port, name and options, as they stand behind the @ of an address; None: as they were, else the stack's."""
    own_object_store: bool = True
    """False: a provider makes the keys, and they are put into the folders by hand."""
    bucket: str = BUCKET
    role_prefix: str = ROLE_PREFIX
    """What the names of the roles begin with."""

    def database_url(self, user: str, password: str, former: str) -> str:
        """Return the address for a user; `former` is the one that is there, or empty.

        Somebody's own address, which has another user, stays as it is.
        """
        scheme, _, rest = former.strip().partition("://")
        login, _, place = rest.rpartition("@")
        who = login.partition(":")[0]
        shared_before = who == OWNER and place == COMPOSE_DATABASE  # up to 0.1 all services had the owner's
        if former and who != user and not shared_before:
            return former
        return f"{scheme or 'postgresql'}://{user}:{password}@{self.database or place or COMPOSE_DATABASE}"


def names_taken(declared: Topology, catalogue: Catalogue) -> frozenset[str]:
    """Return who logs in besides producers: what no producer can be called.

    Raises:
        ValueError: a service is called as a folder of the credentials is.
    """
    services = {consumer.name for consumer in declared.consumers}
    if clash := sorted(services & FOLDERS):
        raise ValueError(f"{clash[0]} is a folder of the credentials already: give that service another name")
    return frozenset({*services, *catalogue.gateways, CONSOLE, *CONSOLE_USERS, "scheduler", OPERATOR, PROVISION})


def object_access_of(catalogue: Catalogue) -> dict[str, ObjectAccess]:
    """Return what the services of a catalogue declare about the object store, and what the gateway needs.

    Raises:
        ValueError: a declaration cannot be understood.
    """
    services = {name: ObjectAccess.of_words(one.objects) for name, one in catalogue.services.items()}
    return {**dict.fromkeys(catalogue.gateways, GATEWAY_OBJECTS), **services}


def issue(vault: Vault, table: Mapping[str, Permissions], access: Access, stores: Stores) -> None:
    """Create what is missing, and update what is derived. `table` are the broker's users."""
    # `provision` runs as the operator, at every start.
    passwords = {user: vault.secret(password_file(user, permissions)) for user, permissions in table.items()}
    vault.write("nats/users.conf", broker_config(table, passwords))
    _database(vault, access.tables, stores)
    if stores.own_object_store:
        _objects(vault, access.objects, stores.bucket)
    else:
        _policies(vault, access.objects, stores.bucket)


def password_file(user: str, permissions: Permissions) -> str:
    """Return the file of a user's password at the broker."""
    if permissions.account == producer_account(user) and user != PRODUCER:
        return f"{PRODUCER}/{user}-password"
    if user in CONSOLE_USERS:  # one console has both, and logs in as the one that its settings name
        return f"{CONSOLE}/{user.removeprefix(f'{CONSOLE}-')}-{PASSWORD}"
    return f"{PROVISION if user == OPERATOR else user}/{PASSWORD}"


def _database(vault: Vault, tables: Mapping[str, TableAccess], stores: Stores) -> None:
    """Give each service a role of its own, and whoever enqueues by SQL; `provision` the owner's and all passwords."""
    vault.secret("postgres/superuser-password")
    owner = vault.secret(f"postgres/{OWNER}-password")
    with_access = [*(service for service, allowed in tables.items() if allowed), PRODUCER_ROLE]
    passwords = {service: vault.secret(f"{PROVISION}/roles/{service}") for service in with_access}
    for service, password in passwords.items():
        _address(vault, stores, service, role_of(service, stores.role_prefix), password)
    _address(vault, stores, PROVISION, OWNER, owner)
    vault.write(f"{PROVISION}/{DATABASE_ROLES}", json.dumps(passwords))


def _address(vault: Vault, stores: Stores, holder: str, user: str, password: str) -> None:
    name = f"{holder}/{DATABASE_URL}"
    vault.write(name, stores.database_url(user, password, vault.text(name)))


def _objects(vault: Vault, objects: Mapping[str, ObjectAccess], bucket: str) -> None:
    """Write the object store's keys: a service's reaches its folders, the operator's alone creates buckets."""
    actions = {service: seaweedfs_actions(access, bucket) for service, access in objects.items()}
    own = {service: some for service, some in actions.items() if some}
    application = [f"{action}:{bucket}" for action in ("Read", "Write", "List", "Tagging")]
    identities = []
    for name, allowed in {**own, OWNER: application, OPERATOR: ["Admin"]}.items():
        secret = vault.secret(f"seaweedfs/{name}-secret")
        identities.append(_identity(name, secret, allowed))
        if name != OWNER:
            folder = PROVISION if name == OPERATOR else name
            if vault.text(f"{folder}/{S3_KEY}").strip() not in {"", name, OWNER}:
                continue  # a key that a provider made
            vault.write(f"{folder}/{S3_KEY}", name)
            vault.write(f"{folder}/{S3_SECRET}", secret)
    vault.write("seaweedfs/s3.json", json.dumps({"identities": identities}, indent=2))


def _policies(vault: Vault, objects: Mapping[str, ObjectAccess], bucket: str) -> None:
    """Write what each service's key at another provider's object store has to be allowed."""
    for service, access in objects.items():
        if access.write:
            policy = json.dumps(aws_policy(access, bucket), indent=2)
            vault.write(f"s3-policies/{service}.json", policy)


def _identity(name: str, secret: str, actions: Sequence[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": list(actions)}
