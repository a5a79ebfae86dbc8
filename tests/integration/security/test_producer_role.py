"""Who enqueues by SQL may do that and nothing else: the role on a real PostgreSQL, as it is shipped.

The cases are those of the producers' users at the broker: what these must not do there, nobody does by the outbox.
"""

import json
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.database import migrate
from nightshift.database.producer_role import PRODUCER, producer_grants
from nightshift.database.producers import let_producers
from tests.integration.security.producer_cases import FORBIDDEN, INTERNAL, ORDERS, SUBJECT
from tests.integration.security.stores import Roles, database_roles
from tests.integration.security.test_database_roles import APPLICATION, LIBRARY, VERSIONS, granted

INSERT = "INSERT INTO nightshift.outbox (subject, body, headers) VALUES ($1, $2, $3)"
BODY = b'{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'


@pytest.fixture(scope="module")
async def roles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roles]:
    """A provisioned database with the roles as they are shipped."""
    async with database_roles(tmp_path_factory.mktemp("certificates")) as made:
        await migrate(made.owner_url, roles=made.passwords)
        await let_producers(made.owner_url, load_catalogue().public(), notify=True)
        yield made


@pytest.fixture
async def producer(roles: Roles) -> AsyncIterator[asyncpg.Connection]:
    """A producer's connection; what it wrote is gone afterwards."""
    connection = await asyncpg.connect(roles.url(PRODUCER))
    yield connection
    await connection.close()
    await roles.administer("DELETE FROM nightshift.outbox")


async def written(roles: Roles) -> list[asyncpg.Record]:
    """What is in the outbox, read by its owner."""
    owner = await asyncpg.connect(roles.owner_url)
    try:
        return list(await owner.fetch("SELECT * FROM nightshift.outbox"))
    finally:
        await owner.close()


async def test_it_may_insert_four_columns_and_nothing_else(producer: asyncpg.Connection) -> None:
    """Every table of both histories, each action on each."""
    found = {table: await granted(producer, table, columns) for table, columns in (APPLICATION | LIBRARY).items()}
    assert {table: cell for table, cell in found.items() if cell} == {
        "nightshift.outbox": "INSERT (body, headers, not_before, subject)"
    }
    assert [await granted(producer, table, ["version_num"]) for table in VERSIONS] == ["", ""]


async def test_it_enqueues_by_insert_and_by_the_function(roles: Roles, producer: asyncpg.Connection) -> None:
    """In a transaction of its own: both rows are there when it has committed."""
    async with producer.transaction():
        await producer.execute(INSERT, SUBJECT, BODY, '{"Job-Id": "by-insert"}')
        job_id = await producer.fetchval("SELECT nightshift.enqueue('email.send', $1, job_id => 'by-function')", "{}")
        assert await written(roles) == []
    assert job_id == "by-function"
    assert sorted(json.loads(row["headers"])["Job-Id"] for row in await written(roles)) == ["by-function", "by-insert"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM nightshift.outbox",
        "SELECT count(*) FROM nightshift.outbox",
        "INSERT INTO nightshift.outbox (subject, body) VALUES ('jobs.email.send', '{}') RETURNING id",
        "UPDATE nightshift.outbox SET body = '{}'",
        "DELETE FROM nightshift.outbox",
        "TRUNCATE nightshift.outbox",
        "INSERT INTO nightshift.outbox (id, subject, body) VALUES ('email/email.send/x/0', 'jobs.email.send', '{}')",
        "INSERT INTO nightshift.outbox (consumer, subject, body) VALUES ('email', 'jobs.webhook.received', '{}')",
        "INSERT INTO nightshift.outbox (type, subject, body) VALUES ('email.send', 'jobs.email.send', '{}')",
        "INSERT INTO nightshift.outbox (parent_id, subject, body) VALUES ('x', 'jobs.email.send', '{}')",
        "INSERT INTO nightshift.outbox (service, subject, body) VALUES ('maintenance', 'jobs.email.send', '{}')",
        "INSERT INTO nightshift.outbox (created_at, subject, body) VALUES ('1970-01-01', 'jobs.email.send', '{}')",
        "INSERT INTO nightshift.producer_types VALUES ('webhook.received')",
        "SELECT * FROM nightshift.producer_types",
        "SELECT * FROM nightshift.processed_messages",
        "SELECT nightshift.check_enqueued_headers('x', '{}')",
        "ALTER TABLE nightshift.outbox DISABLE TRIGGER ALL",
        "DROP TRIGGER check_enqueued ON nightshift.outbox",
        "CREATE OR REPLACE FUNCTION nightshift.check_enqueued() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "SET session_replication_role = replica",
        "CREATE TABLE nightshift.own (id int)",
        "CREATE TABLE public.own (id int)",
        "CREATE RULE r AS ON INSERT TO nightshift.outbox DO INSTEAD NOTHING",
        "SET ROLE nightshift",
        "SET ROLE nightshift_email",
        "SELECT * FROM users",
        "COPY nightshift.outbox TO STDOUT",
    ],
)
async def test_whatever_else_it_tries_is_refused(roles: Roles, producer: asyncpg.Connection, statement: str) -> None:
    """Neither reads what others have sent, nor says that it is a service, nor gets around the checks."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await producer.execute(statement)
    assert await written(roles) == []


@pytest.mark.parametrize("subject", [*FORBIDDEN, *INTERNAL])
async def test_it_enqueues_no_job_that_is_not_a_producers(
    roles: Roles, producer: asyncpg.Connection, subject: str
) -> None:
    """As the broker would not let it publish there."""
    for insert in (INSERT, INSERT.replace("($1, $2, $3)", "($1, $2, $3) ON CONFLICT DO NOTHING")):
        with pytest.raises(asyncpg.CheckViolationError, match="no job can be enqueued"):
            await producer.execute(insert, subject, BODY, "{}")
    with pytest.raises(asyncpg.CheckViolationError, match="no job can be enqueued"):
        await producer.execute("SELECT nightshift.enqueue($1, '{}')", subject.removeprefix("jobs."))
    assert await written(roles) == []


@pytest.mark.parametrize("orders", ORDERS, ids=lambda orders: " ".join(f"{n}={v}" for n, v in orders.items())[:90])
async def test_no_header_of_its_own_becomes_an_order(
    roles: Roles, producer: asyncpg.Connection, orders: dict[str, str]
) -> None:
    """By the insert, by the function, among many rows of one statement."""
    headers = json.dumps({"Job-Id": "hostile", **orders})
    with pytest.raises(asyncpg.CheckViolationError, match="not for producers"):
        await producer.execute(INSERT, SUBJECT, BODY, headers)
    with pytest.raises(asyncpg.CheckViolationError, match="not for producers"):
        await producer.execute("SELECT nightshift.enqueue('email.send', '{}', headers => $1)", headers)
    with pytest.raises(asyncpg.CheckViolationError, match="not for producers"):
        await producer.executemany(INSERT, [(SUBJECT, BODY, "{}"), (SUBJECT, BODY, headers)])
    assert await written(roles) == []


async def test_rows_that_are_copied_in_are_checked_as_well(roles: Roles, producer: asyncpg.Connection) -> None:
    """`COPY` is an insert."""
    columns = ["subject", "body", "headers"]
    with pytest.raises(asyncpg.CheckViolationError, match="no job can be enqueued"):
        await producer.copy_records_to_table(
            "outbox", schema_name="nightshift", columns=columns, records=[("jobs.webhook.received", BODY, "{}")]
        )
    await producer.copy_records_to_table(
        "outbox", schema_name="nightshift", columns=columns, records=[(SUBJECT, BODY, "{}")] * 3
    )
    assert {row["service"] for row in await written(roles)} == {"email"}


async def test_an_applications_own_role_can_be_a_member(roles: Roles, producer: asyncpg.Connection) -> None:
    """Its own table and the job commit together, or neither; the role that provision made needs no login for that."""
    del producer  # it empties the outbox afterwards
    word = secrets.token_hex(8)
    await roles.administer(
        f"CREATE ROLE webshop LOGIN PASSWORD '{word}'",
        "GRANT CONNECT ON DATABASE nightshift TO webshop",
        "GRANT nightshift_producer TO webshop",
        "CREATE SCHEMA AUTHORIZATION webshop",
    )
    shop = await asyncpg.connect(roles.owner_url.replace(f"nightshift:{roles.owner_password}", f"webshop:{word}"))
    try:
        await shop.execute("CREATE TABLE webshop.orders (id int PRIMARY KEY)")
        for order in (1, 2):
            transaction = shop.transaction()
            await transaction.start()
            await shop.execute("INSERT INTO webshop.orders VALUES ($1)", order)
            await shop.execute("SELECT nightshift.enqueue('email.send', '{}', job_id => $1)", f"order-{order}")
            await (transaction.commit() if order == 1 else transaction.rollback())
        assert [json.loads(row["headers"]) for row in await written(roles)] == [{"Job-Id": "order-1"}]
        assert await shop.fetchval("SELECT count(*) FROM webshop.orders") == 1
    finally:
        await shop.close()
        await roles.administer("DROP OWNED BY webshop", "DROP ROLE webshop")


async def test_the_printed_grants_are_enough_for_a_role_that_was_made_by_hand(
    roles: Roles, producer: asyncpg.Connection
) -> None:
    """For whoever keeps DATABASE_ROLES unset: a role gets by them what the shipped one has."""
    del producer
    word = secrets.token_hex(8)
    name = 'Shop "7"'
    quoted = '"Shop ""7"""'
    await roles.administer(f"CREATE ROLE {quoted} LOGIN PASSWORD '{word}'", *producer_grants(name, "nightshift"))
    shop = await asyncpg.connect(roles.owner_url, user=name, password=word)
    try:
        await shop.execute(INSERT, SUBJECT, BODY, "{}")
        await shop.fetchval("SELECT nightshift.enqueue('email.send', '{}')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await shop.execute("SELECT 1 FROM nightshift.outbox")
        assert len(await written(roles)) == 2
    finally:
        await shop.close()
        await roles.administer(f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")
