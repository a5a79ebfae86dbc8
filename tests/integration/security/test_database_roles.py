"""What each service may do in the database, and that it may do nothing else: its role on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

import schema.tables
from nightshift.database import MigrationError, migrate, open_database
from nightshift.database.roles import role_of
from nightshift.database.tables import SCHEMA
from nightshift.database.tables import metadata as library
from nightshift.gateway.outbox_rows import OutboxRows
from nightshift.instants import utc_now
from nightshift.messaging import outbound
from nightshift.messaging.cancelling import cancel_in, take_out_of_outbox
from schema.access import TABLES
from tests.integration.security.stores import WITH_ROLE, Roles, database_roles

APPLICATION = {table.name: table.columns.keys() for table in schema.tables.metadata.sorted_tables}
LIBRARY = {f"{SCHEMA}.{table.name}": table.columns.keys() for table in library.sorted_tables}
VERSIONS = [f"{SCHEMA}.nightshift_version", "nightshift_schema_version"]
ACTIONS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture(scope="module")
async def roles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roles]:
    """A migrated database with the roles as they are shipped."""
    async with database_roles(tmp_path_factory.mktemp("certificates")) as made:
        done = await migrate(made.owner_url, roles=made.passwords)
        assert {f"role {role_of(service)} created" for service in WITH_ROLE} <= set(done)
        yield made


async def granted(connection: asyncpg.Connection, table: str, columns: list[str]) -> str:
    """The cell of the page for this table: what the server says that the connection's role may do."""
    words = []
    for action in ACTIONS:
        if await connection.fetchval("SELECT has_table_privilege($1, $2)", table, action):
            words.append(action)
        elif action in ("SELECT", "INSERT", "UPDATE"):
            query = "SELECT has_column_privilege($1, $2, $3)"
            allowed = [one for one in columns if await connection.fetchval(query, table, one, action)]
            words += [f"{action} ({', '.join(sorted(allowed))})"] if allowed else []
    return ", ".join(words)


def _ordered(cell: str) -> str:
    """A declared cell with its columns in the order of the alphabet."""
    if "(" not in cell:
        return cell
    before, _, rest = cell.partition("(")
    columns, _, after = rest.partition(")")
    return f"{before}({', '.join(sorted(columns.split(', ')))}){_ordered(after)}"


@pytest.mark.parametrize("service", WITH_ROLE)
async def test_a_role_may_do_what_its_column_says_and_nothing_else(roles: Roles, service: str) -> None:
    """Every table of both histories, each action on each: the cells of the page, the empty ones too."""
    connection = await asyncpg.connect(roles.url(service))
    try:
        found = {table: await granted(connection, table, columns) for table, columns in (APPLICATION | LIBRARY).items()}
        wanted = {table: _ordered(TABLES[service].get(table, "")) for table in APPLICATION | LIBRARY}
        assert found == wanted
        assert [await granted(connection, table, ["version_num"]) for table in VERSIONS] == ["", ""]
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("email", "SELECT credentials FROM linked_accounts"),
        ("email", "SELECT email FROM users"),
        ("report", "UPDATE files SET status = 'failed'"),
        ("report", "DELETE FROM activity_logs"),
        ("upload", "UPDATE files SET user_id = 'eve'"),
        ("upload", "DELETE FROM nightshift.processed_messages"),
        ("sync", "UPDATE linked_accounts SET base_url = 'https://eve.example'"),
        ("maintenance", "UPDATE files SET object_key = 'x'"),
        ("email", "CREATE TABLE public.own (id int)"),
        ("email", "CREATE TABLE nightshift.own (id int)"),
        ("email", "CREATE SCHEMA own"),
        ("email", "CREATE ROLE friend"),
        ("email", "ALTER ROLE nightshift_sync PASSWORD 'x'"),
        ("email", "SET ROLE nightshift"),
        ("email", "SET ROLE nightshift_sync"),
        ("email", "TRUNCATE nightshift.outbox"),
        (
            "gateway",
            "INSERT INTO nightshift.processed_messages (id, result) VALUES ('a', '1')",
        ),
        ("gateway", "UPDATE nightshift.processed_messages SET outcome = NULL"),
        ("gateway", "DELETE FROM nightshift.processed_messages"),
        ("email", "COPY (SELECT 1) TO PROGRAM 'true'"),
    ],
)
async def test_what_a_service_has_no_right_to_is_refused(roles: Roles, service: str, statement: str) -> None:
    """Not by asking the server about rights, but by trying."""
    connection = await asyncpg.connect(roles.url(service))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_gateways_role_can_cancel_what_no_worker_has(roles: Roles) -> None:
    """In its queue or in the outbox, with the rights that its column says."""
    database = open_database(roles.url("gateway"))
    try:
        for _ in range(2):
            ended = await database.commit(lambda it: cancel_in(it, "email.send", "role-1", utc_now()))
            assert ended.outcome == "cancelled"
        await OutboxRows(database, utc_now).write([outbound.job("email.send", "role-2", b"{}", {})], None)
        assert await database.commit(lambda it: take_out_of_outbox(it, "email.send", "role-2", utc_now()))
    finally:
        await database.close()


async def test_a_second_run_changes_nothing(roles: Roles) -> None:
    """Provisioning again, by any number of processes, finds everything in place."""
    assert await migrate(roles.owner_url, roles=roles.passwords) == []


async def test_what_is_not_declared_is_taken_back_and_what_is_missing_granted(roles: Roles) -> None:
    """A right that somebody granted by hand, one that was lost: each is one line of what was done."""
    await roles.administer(
        "GRANT SELECT ON linked_accounts TO nightshift_email",
        "GRANT UPDATE (user_id) ON files TO nightshift_upload",
        "REVOKE INSERT ON email_deliveries FROM nightshift_email",
    )
    assert sorted(await migrate(roles.owner_url, roles=roles.passwords)) == [
        "nightshift_email may INSERT email_deliveries",
        "nightshift_email may no longer SELECT linked_accounts",
        "nightshift_upload may no longer UPDATE files (user_id)",
    ]


async def test_a_table_that_a_migration_replaced_is_covered(roles: Roles) -> None:
    """A new table has no rights; the transaction that makes it also grants them."""
    await roles.administer(
        "DROP TABLE cleanup_runs", "CREATE TABLE cleanup_runs (id text)", "ALTER TABLE cleanup_runs OWNER TO nightshift"
    )
    done = await migrate(roles.owner_url, roles=roles.passwords)
    assert sorted(done) == [
        f"nightshift_maintenance may {action} cleanup_runs" for action in ("DELETE", "INSERT", "SELECT", "UPDATE")
    ]


async def test_a_new_password_counts_at_once(roles: Roles) -> None:
    """Passwords can be changed by provisioning; the old one is refused."""
    old = roles.url("report")
    roles.passwords["report"] = "another"
    await migrate(roles.owner_url, roles=roles.passwords)
    await (await asyncpg.connect(roles.url("report"))).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(old)


async def test_no_password_reaches_the_servers_log(roles: Roles) -> None:
    """The server is told what it stores, however much of the statements it logs."""
    await roles.administer("ALTER ROLE nightshift SET log_statement = 'all'")
    await migrate(roles.owner_url, roles=roles.passwords)
    log = roles.server.log.read_text()
    assert 'ALTER ROLE "nightshift_email" LOGIN PASSWORD' in log
    assert not [secret for secret in roles.passwords.values() if secret in log]


async def test_a_missing_right_is_told_with_what_to_do(roles: Roles) -> None:
    """An owner that may not create roles: one line that names the role and the statement; nothing is changed."""
    await roles.administer("ALTER ROLE nightshift NOCREATEROLE")
    try:
        # Roles that are there keep their passwords: an administrator may have made them.
        assert await migrate(roles.owner_url, roles=roles.passwords) == []
        await roles.administer("DROP OWNED BY nightshift_email", "DROP ROLE nightshift_email")
        with pytest.raises(
            MigrationError, match=r'role nightshift_email is missing.*ALTER ROLE "nightshift" CREATEROLE'
        ):
            await migrate(roles.owner_url, roles=roles.passwords)
    finally:
        await roles.administer("ALTER ROLE nightshift CREATEROLE")
        await migrate(roles.owner_url, roles=roles.passwords)


async def test_a_password_for_nobody_is_told(roles: Roles) -> None:
    """A service without a declaration would get a role that may do nothing, and nobody would know why."""
    with pytest.raises(MigrationError, match="names billing, for which no access to tables is declared"):
        await migrate(roles.owner_url, roles=roles.passwords | {"billing": "x"})
