"""`nightshift upgrade --check`: whether a release can take over, told before anything is stopped."""

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from nightshift.broker.jetstream import manage
from nightshift.database import open_database
from tests.integration.cli.harness import Operator


async def findings(operator: Operator) -> tuple[int, dict[tuple[str, str], str]]:
    """Exit code, and what was found by state and check."""
    ran = await operator.run("upgrade", "--check", "--json")
    return ran.code, {(row["state"], row["check"]): row["found"] for row in json.loads(ran.out)}


class Revision:
    """How far the application's tables are said to be."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def get(self) -> str:
        """What the database says."""
        database = open_database(self._url)
        async with database.read() as connection:
            found = (await connection.execute(text("SELECT version_num FROM nightshift_schema_version"))).scalar()
        await database.close()
        return str(found)

    async def set(self, number: str) -> None:
        """Have it say something else."""
        database = open_database(self._url)
        async with database.write() as connection:
            await connection.execute(text("UPDATE nightshift_schema_version SET version_num = :at"), {"at": number})
        await database.close()


@pytest.fixture
async def revision(shared_operator: Operator) -> AsyncIterator[Revision]:
    """Sets the revision of the application's tables, and puts it back."""
    revision = Revision(shared_operator.environ["DATABASE_URL"])
    was = await revision.get()
    yield revision
    await revision.set(was)


async def test_the_release_that_provisioned_can_take_over(shared_operator: Operator) -> None:
    """Exit code 0; nothing would change."""
    code, found = await findings(shared_operator)
    assert code == 0
    assert {state for state, _ in found} == {"ok"}
    assert {check for _, check in found} == {"releases", "migrations", "topology", "contracts"}


async def test_tables_that_are_behind_are_named_and_no_obstacle(shared_operator: Operator, revision: Revision) -> None:
    """`provision` brings them there."""
    await revision.set("0001")
    code, found = await findings(shared_operator)
    assert code == 0
    assert found["warning", "migrations"].startswith("schema: from revision 0001 to ")


async def test_tables_of_a_newer_release_are_an_obstacle(shared_operator: Operator, revision: Revision) -> None:
    """Going back is done with a backup, or with a release that knows them."""
    await revision.set("9999")
    code, found = await findings(shared_operator)
    assert code == 1
    assert "at revision 9999, which this release does not know" in found["wrong", "migrations"]


async def test_a_stream_that_would_change_is_named(shared_operator: Operator) -> None:
    """As `provision --check` does."""
    connection = shared_operator.connection
    config = (await manage(connection, "STREAM.INFO.EMAIL_DLQ"))["config"]
    await manage(connection, "STREAM.UPDATE.EMAIL_DLQ", {**config, "max_age": config["max_age"] // 2})
    try:
        code, found = await findings(shared_operator)
    finally:
        await manage(connection, "STREAM.UPDATE.EMAIL_DLQ", config)
    assert code == 0
    assert "EMAIL_DLQ" in found["warning", "topology"]


async def test_what_waits_is_read_by_this_releases_contracts(shared_operator: Operator) -> None:
    """A type that it does not know is an obstacle, a body that it would refuse is named; what fits is not."""
    publisher = shared_operator.publisher
    await publisher.publish_body("report.retired", b"{}")
    await publisher.publish_body("report.generate", b'{"format":1}')
    code, found = await findings(shared_operator)
    await manage(shared_operator.connection, "STREAM.PURGE.REPORT")
    assert code == 1
    assert found["wrong", "contracts"] == "jobs.report.retired waits, and this release does not know report.retired"
    assert "would be a dead letter" in found["warning", "contracts"]
