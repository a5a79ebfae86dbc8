"""Jobs: what is done, from the ledger; and where a job of an id is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from contracts.email import SendEmail
from nightshift.broker import Connection
from nightshift.database import migrate, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from tests.harness import eventually
from tests.integration.services.console import seed
from tests.integration.services.console.harness import Browser, console, people

DONE = datetime(2026, 11, 28, 9, tzinfo=UTC)
MAIL = SendEmail(to="ada@example.com", subject="Hi", body="Hi")


@pytest.fixture(scope="module")
async def vic(broker: Broker, operator: Connection, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """The browser of a viewer, on a console that knows the database; two jobs are done."""
    del operator
    folder = tmp_path_factory.mktemp("jobs")
    url = f"sqlite+aiosqlite:///{folder / 'nightshift.db'}"
    await migrate(url)
    database = open_database(url)
    both = {"consumer": "email", "type": "email.send", "attempt": 2, "took_ms": 1234}
    rows = [
        both | {"id": "welcome-17", "processed_at": DONE, "tenant": "acme", "outcome": None},
        both | {"id": "welcome-18", "processed_at": DONE + timedelta(1), "tenant": None, "outcome": "skipped"},
    ]
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), rows)
    await database.close()
    file = folder / "people.toml"
    file.write_text(people(vic="viewer"), encoding="utf-8")
    settings = {"console_users_file": str(file), "database_url": url}
    async with console(folder, broker, **settings) as desk, desk.person("vic") as browser:
        yield browser


async def test_what_is_done_is_listed_by_type_outcome_and_tenant(vic: Browser) -> None:
    """The newest first, with attempt and time."""
    text = (await vic.open("/jobs")).text
    assert text.index("welcome-18") < text.index("welcome-17")
    assert "1,234" in text
    for query, shown in (
        ("outcome=done", "welcome-17"),
        ("outcome=skipped", "welcome-18"),
        ("tenant=acme", "welcome-17"),
    ):
        text = (await vic.open(f"/jobs?{query}")).text
        assert [name for name in ("welcome-17", "welcome-18") if name in text] == [shown]
    assert "None." in (await vic.open("/jobs?type=report.generate")).text


async def test_a_job_is_found_where_it_is(vic: Browser, operator: Connection) -> None:
    """Done, waiting for its time, dead; and what is not found is said, with what was not looked at."""
    assert "its effects are committed" in (await vic.open("/jobs?id=welcome-17")).text
    await Publisher(operator).publish_later(MAIL, at=datetime.now(UTC) + timedelta(1), job_id="tomorrow")
    assert "scheduled" in (await vic.open("/jobs?id=tomorrow&type=email.send")).text
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="given-up")

    async def is_found() -> bool:
        return f'href="/dead/email/{sequence}"' in (await vic.open("/jobs?id=given-up")).text

    await eventually(is_found, what="the dead letter is found")
    text = (await vic.open("/jobs?id=nowhere")).text
    assert "is not done" in text
    assert "nightshift jobs find" in text


@pytest.mark.parametrize("query", ["type=email.sent", "outcome=dead"])
async def test_a_filter_that_cannot_match_is_told_so(vic: Browser, query: str) -> None:
    """Nothing is shown as if there were none."""
    answer = await vic.open(f"/jobs?{query}")
    assert answer.status_code == 400
    assert "There are: " in answer.text


@pytest.mark.parametrize("job_id", ["%00", "%3Cscript%3E", "%27%22", "a" * 2000, "%EF%BF%BD", "..%2F..", "*", "a.>"])
async def test_any_id_may_be_asked_for(vic: Browser, job_id: str) -> None:
    """Whatever somebody pasted."""
    answer = await vic.open(f"/jobs?id={job_id}")
    assert answer.status_code == 200, answer.text
    assert "<script>" not in answer.text
