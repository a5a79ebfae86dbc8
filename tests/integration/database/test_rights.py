"""On PostgreSQL: which rights migrating needs, and what a person reads who lacks one."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from nightshift.database import Database, MigrationError, history_states, migrate, open_database
from nightshift.outcomes import Unavailable
from tests.databases import postgres_database
from tests.integration.database.test_upgrade import fill

WORD = secrets.token_hex(8)


@dataclass(frozen=True)
class Shop:
    """A database of the administrator's, and the address at which a user without any right finds it."""

    admin: Database
    user: str
    url: str

    async def sql(self, *statements: str) -> None:
        """Let the administrator do it."""
        async with self.admin.write() as connection:
            for statement in statements:
                await connection.execute(
                    text(statement.format(user=self.user, database=self.admin.engine.url.database))
                )


@pytest.fixture
async def shop(postgres: str) -> AsyncIterator[Shop]:
    """An empty database, and a user who may connect to it."""
    async with _shop(postgres, f"shop_{secrets.token_hex(4)}") as found:
        yield found


@asynccontextmanager
async def _shop(postgres: str, user: str) -> AsyncIterator[Shop]:
    async with postgres_database(postgres) as address:
        admin = open_database(address)
        found = Shop(admin, user, make_url(address).set(username=user, password=WORD).render_as_string(False))
        await found.sql(
            "CREATE ROLE {user} LOGIN PASSWORD '" + WORD + "'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
        yield found
        await found.sql("DROP OWNED BY {user}", "DROP ROLE {user}")
        await admin.close()


async def test_without_the_right_to_create_a_schema_it_says_so(shop: Shop) -> None:
    """No traceback: what is missing, and where it is written how to grant it."""
    with pytest.raises(MigrationError, match=r"permission denied for database .*Nothing was changed.*DATABASE_URL"):
        await migrate(shop.url, "none")


async def test_a_schema_that_an_administrator_made_is_enough(shop: Shop) -> None:
    """The library needs nothing in the database but a schema of its user's."""
    await shop.sql("CREATE SCHEMA nightshift AUTHORIZATION {user}")

    assert await migrate(shop.url, "none") == ["tables of nightshift brought from nothing to 0007"]


async def test_without_the_right_to_create_tables_it_says_so(shop: Shop) -> None:
    """The application's tables need the default schema; the library's are undone with them."""
    await shop.sql("CREATE SCHEMA nightshift AUTHORIZATION {user}")

    with pytest.raises(MigrationError, match=r"tables of schema: permission denied for schema public"):
        await migrate(shop.url)

    assert {state.at for state in await history_states(shop.admin)} == {None}


async def test_tables_of_another_user_cannot_be_taken_over(shop: Shop) -> None:
    """The upgrade moves the tables of 0.1.0, which only their owner may."""
    await fill(shop.admin)
    await shop.sql(
        "CREATE SCHEMA nightshift AUTHORIZATION {user}", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"
    )

    with pytest.raises(MigrationError, match=r"must be owner of table processed_messages.*Nothing was changed"):
        await migrate(shop.url)


async def test_a_version_table_that_may_not_be_read_is_told(shop: Shop) -> None:
    """`nightshift doctor` has an answer for whoever may not look into the schema, and a worker waits for the right."""
    await migrate(shop.admin)
    database = open_database(shop.url)

    with pytest.raises(MigrationError, match=r"permission denied for schema nightshift"):
        await history_states(database)
    with pytest.raises(Unavailable, match=r"permission denied for schema nightshift.*let its tables be used"):
        await database.probe()

    await database.close()


async def test_a_service_may_have_fewer_rights_than_who_migrates(shop: Shop) -> None:
    """To read and write rows is all that a service needs, as the operations page lists it."""
    await migrate(shop.admin)
    await shop.sql(
        "GRANT USAGE ON SCHEMA nightshift TO {user}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA nightshift TO {user}",
        "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$",
    )
    database = open_database(shop.url)

    assert [state.at for state in await history_states(database, "none")] == ["0007"]
    await database.expect_to_write()

    await database.close()


async def test_a_user_called_nightshift_does_not_mix_the_tables(postgres: str) -> None:
    """PostgreSQL's usual search path begins with a schema of the user's name, which here is the library's."""
    async with _shop(postgres, "nightshift") as shop:
        await shop.sql("GRANT CREATE ON DATABASE {database} TO {user}", "GRANT CREATE ON SCHEMA public TO {user}")

        await migrate(shop.url)
        assert await migrate(shop.url) == []

        tables = text("SELECT schemaname FROM pg_tables WHERE tablename IN ('users', 'nightshift_schema_version')")
        async with shop.admin.read() as connection:
            assert set((await connection.execute(tables)).scalars()) == {"public"}
