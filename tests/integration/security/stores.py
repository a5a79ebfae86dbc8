"""A PostgreSQL and an object store on which every service has a role and a key of its own, as they are shipped."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from nightshift.database.producer_role import PRODUCER
from nightshift.database.roles import role_of
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.objects.access import seaweedfs_actions
from nightshift.objects.s3 import S3ObjectStore, open_objects
from schema.access import OBJECTS, TABLES
from tests.integration.services.email.certificates import make_certificates
from tests.postgres_server import PostgresServer, postgres_server
from tests.servers import running

WITH_ROLE = [service for service, access in TABLES.items() if access]
WITH_KEY = [service for service, access in OBJECTS.items() if access.write]
BUCKET = "nightshift"


@dataclass
class Roles:
    """An empty database whose owner is no superuser but may create roles, and the services' passwords."""

    server: PostgresServer
    passwords: dict[str, str]
    owner_password: str

    @property
    def owner_url(self) -> str:
        """The address for `provision`."""
        return f"postgresql://nightshift:{self.owner_password}@localhost:{self.server.port}/nightshift"

    def url(self, service: str) -> str:
        """The address for a service."""
        login = f"{role_of(service)}:{self.passwords[service]}"
        return f"postgresql://{login}@localhost:{self.server.port}/nightshift"

    async def administer(self, *statements: str) -> None:
        """Runs statements as the superuser."""
        connection = await asyncpg.connect(self.server.url.replace("/postgres", "/nightshift"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def database_roles(folder: Path) -> AsyncIterator[Roles]:
    """A server with the database as deploy/postgres/create-database.sh leaves it."""
    async with postgres_server(make_certificates(folder)) as server:
        passwords = {name: secrets.token_urlsafe(16) for name in (*WITH_ROLE, PRODUCER)}
        roles = Roles(server, passwords, secrets.token_urlsafe(16))
        connection = await asyncpg.connect(server.url)
        try:
            await connection.execute(f"CREATE ROLE nightshift LOGIN CREATEROLE PASSWORD '{roles.owner_password}'")
            await connection.execute("CREATE DATABASE nightshift OWNER nightshift")
            await connection.execute("ALTER ROLE nightshift SET search_path = public")
            await connection.execute("REVOKE CONNECT ON DATABASE postgres, nightshift FROM PUBLIC")
        finally:
            await connection.close()
        yield roles


@dataclass
class Keys:
    """The object store, and the secret of each key."""

    server: ObjectServer
    secrets: dict[str, str]

    def open(self, service: str) -> S3ObjectStore:
        """The bucket by the key of a service."""
        return open_objects(self.server.endpoint, service, self.secrets[service], BUCKET)

    def settings(self, service: str) -> dict[str, str]:
        """The settings of a service that has its own key."""
        return {"S3_ACCESS_KEY": service, "S3_SECRET_KEY": self.secrets[service]}


def identities(keys: dict[str, str]) -> list[dict[str, object]]:
    """The services' keys as SeaweedFS reads them."""
    return [
        {
            "name": service,
            "credentials": [{"accessKey": service, "secretKey": secret}],
            "actions": seaweedfs_actions(OBJECTS[service], BUCKET),
        }
        for service, secret in keys.items()
    ]


@asynccontextmanager
async def object_keys(folder: Path) -> AsyncIterator[Keys]:
    """A SeaweedFS with the bucket and the services' keys."""
    keys = {name: secrets.token_urlsafe(16) for name in WITH_KEY}
    async with running(ObjectServer(folder, identities=identities(keys))) as server:
        operator = open_objects(server.endpoint, server.access_key, server.secret_key, BUCKET)
        await operator.ensure_bucket()
        await operator.close()
        yield Keys(server, keys)
