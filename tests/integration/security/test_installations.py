"""Two installations on one server of PostgreSQL, and two modules in one database: neither takes the other's away."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nightshift.database import MigrationError, migrate
from nightshift.database.access import WORKER
from nightshift.database.producers import let_producers
from nightshift.database.roles import role_of
from tests.postgres_server import PostgresServer, postgres_server

ACCESS = {"billing": WORKER, "office": WORKER}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[PostgresServer]:
    """A server with two databases, `one` and `two`."""
    async with postgres_server() as made:
        connection = await asyncpg.connect(made.url)
        for name in ("one", "two"):
            await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        yield made


def database(server: PostgresServer, name: str) -> str:
    """The address of a database, for its owner."""
    return server.url.replace("/postgres", f"/{name}")


async def logs_in(server: PostgresServer, name: str, role: str, password: str) -> bool:
    """Whether a role can log in to a database."""
    place = f"localhost:{server.port}/{name}"
    try:
        connection = await asyncpg.connect(f"postgresql://{role}:{password}@{place}")
    except asyncpg.InvalidPasswordError:
        return False
    await connection.close()
    return True


async def test_another_databases_role_is_not_taken(server: PostgresServer) -> None:
    """It is told with the way out, a prefix; the first one's services still log in, and the second one's do, too."""
    first, second = secrets.token_urlsafe(8), secrets.token_urlsafe(8)
    await migrate(database(server, "one"), "none", roles={"billing": first}, access=ACCESS)
    with pytest.raises(
        MigrationError, match=r"nightshift_billing is that of another installation \(the database one\)"
    ):
        await migrate(database(server, "two"), "none", roles={"billing": second}, access=ACCESS)
    assert await logs_in(server, "one", role_of("billing"), first)
    await migrate(database(server, "two"), "none", roles={"billing": second}, access=ACCESS, role_prefix="staging")
    assert await logs_in(server, "two", "staging_billing", second)
    assert await migrate(database(server, "one"), "none", roles={"billing": first}, access=ACCESS) == []


async def test_another_schemas_role_is_not_taken(server: PostgresServer) -> None:
    """The same for a second installation in the same database, in a schema of its own."""
    await migrate(database(server, "one"), "none", roles={"office": secrets.token_urlsafe(8)}, access=ACCESS)
    url = f"{database(server, 'one')}?nightshift_schema=other"
    with pytest.raises(MigrationError, match=r"another installation \(the schema nightshift\)"):
        await migrate(url, "none", roles={"office": secrets.token_urlsafe(8)}, access=ACCESS)


async def test_two_modules_of_one_database_keep_their_types_by_sql(server: PostgresServer) -> None:
    """Each provision adds and takes back those of its own services."""
    url = database(server, "one")
    await migrate(url, "none")
    await let_producers(url, ["billing.charge", "billing.print"], notify=False, services=["billing"])
    await let_producers(url, ["crm.call"], notify=False, services=["crm"])
    await let_producers(url, ["billing.charge"], notify=False, services=["billing"])
    connection = await asyncpg.connect(url)
    found = {row["type"] for row in await connection.fetch("SELECT type FROM nightshift.producer_types")}
    await connection.close()
    assert found == {"billing.charge", "crm.call"}
