"""Jobs: what is done, from the ledger; and where a job of an id is."""

import html
import re
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
        ("state=done", "welcome-17"),
        ("state=skipped", "welcome-18"),
        ("tenant=acme", "welcome-17"),
        ("since=2026-11-29T00:00", "welcome-18"),
        ("until=2026-11-29T00:00", "welcome-17"),
    ):
        text = (await vic.open(f"/jobs?{query}")).text
        assert [name for name in ("welcome-17", "welcome-18") if name in text] == [shown]
    assert "None." in (await vic.open("/jobs?type=report.generate")).text


async def test_pages_of_a_list_show_each_job_once(vic: Browser, operator: Connection) -> None:
    """Of what waits in a queue, and of what is dead; the address says where a page begins."""
    await seed.waiting(operator, 70, "webhook.received")
    for number in range(70):
        await seed.dead(operator, f"FlowError: {number}", job_id=f"page-{number}", job_type="sync.external")

    async def are_known() -> bool:
        return "The next ones" in (await vic.open("/jobs?state=dead&type=sync.external")).text

    await eventually(are_known, what="the dead letters are known")
    for query, name in (("state=waiting&type=webhook.received", "mail-"), ("state=dead&type=sync.external", "page-")):
        first = (await vic.open(f"/jobs?{query}")).text
        following = re.search(r'href="(/jobs[?][^"]*before=[^"]*)"', first)
        assert following is not None
        second = (await vic.open(html.unescape(following[1]))).text
        shown = [re.findall(rf">({name}[0-9]+)</code>", text) for text in (first, second)]
        assert [len(one) for one in shown] == [50, 20]
        assert len({*shown[0], *shown[1]}) == 70


async def test_jobs_that_wait_for_their_time_are_listed_with_it(vic: Browser, operator: Connection) -> None:
    """By type and tenant as well."""
    at = datetime.now(UTC) + timedelta(1)
    publisher = Publisher(operator)
    await publisher.publish_later(MAIL, at=at, job_id="of-acme", headers={"Job-Tenant": "acme"})
    await publisher.publish_later(MAIL, at=at, job_id="of-nobody")
    text = (await vic.open("/jobs?state=later")).text
    assert "of-acme" in text
    assert "of-nobody" in text
    assert f"{at:%Y-%m-%d %H:%M}" in text
    text = (await vic.open("/jobs?state=later&type=email.send&tenant=acme")).text
    assert "of-acme" in text
    assert "of-nobody" not in text


async def test_dead_letters_are_found_by_the_text_of_their_error(vic: Browser, operator: Connection) -> None:
    """Without a state, an error means what is dead."""
    await seed.dead(operator, "OddError: the moon is full", job_id="moon-1")

    async def is_found() -> bool:
        return "moon-1" in (await vic.open("/jobs?error=moon+is+full")).text

    await eventually(is_found, what="the dead letter is found")
    assert "moon-1" not in (await vic.open("/jobs?error=moon+is+new")).text
    assert "moon-1" not in (await vic.open("/jobs?error=moon&until=2026-11-28T09:00")).text


async def test_an_id_leads_to_its_job_or_to_all_that_have_it(vic: Browser, operator: Connection) -> None:
    """One type has it: its page; none is known to: what was not looked at, and how to."""
    assert (await vic.open("/jobs?id=welcome-17")).url.path == "/jobs/email.send"
    await Publisher(operator).publish_later(MAIL, at=datetime.now(UTC) + timedelta(1), job_id="tomorrow")
    assert "waiting for its time" in (await vic.open("/jobs?id=tomorrow")).text
    await seed.dead(operator, "SmtpError: 550", job_id="twice")
    await seed.dead(operator, "SmtpError: 550", job_id="twice", job_type="report.generate")

    async def are_found() -> bool:
        text = (await vic.open("/jobs?id=twice")).text
        return "/jobs/email.send?id=twice" in text and "/jobs/report.generate?id=twice" in text

    await eventually(are_found, what="both dead letters are found")
    text = (await vic.open("/jobs?id=nowhere")).text
    assert "It is not done" in text
    assert 'href="/jobs/report.generate?id=nowhere"' in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("type=email.sent", "There are: "),
        ("state=ded", "There are: "),
        ("state=done&error=x", "Only dead letters"),
        ("since=yesterday", "write 2026-11-28T13:00"),
        ("since=1h&until=2h", "Nothing is between"),
        ("before=x", "no such place"),
        ("state=dead&before=x", "no such place"),
        ("state=waiting&before=email:x", "no such place"),
    ],
)
async def test_a_filter_that_cannot_match_is_told_so(vic: Browser, query: str, said: str) -> None:
    """Nothing is shown as if there were none."""
    answer = await vic.open(f"/jobs?{query}")
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("job_id", ["%00", "%3Cscript%3E", "%27%22", "a" * 2000, "%EF%BF%BD", "..%2F..", "*", "a.>"])
async def test_any_id_may_be_asked_for(vic: Browser, job_id: str) -> None:
    """Whatever somebody pasted."""
    for path in (f"/jobs?id={job_id}", f"/jobs/email.send?id={job_id[:900]}"):
        answer = await vic.open(path)
        assert answer.status_code == 200, answer.text
        assert "<script>" not in answer.text
