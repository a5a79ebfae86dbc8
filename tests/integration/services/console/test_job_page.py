"""The page of one job: its life as its worker told it, what came of it, and its body for who may see that."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.email import SendEmail
from nightshift.broker import Connection
from nightshift.broker.jetstream import manage, store
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, What
from nightshift.database import migrate
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publish_arguments import new_job_id
from nightshift.messaging.publisher import Publisher
from nightshift.worker.event_feed import EventFeed
from tests.harness import eventually
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import begin_redrive, shows
from tests.integration.services.console.harness import Browser, Console, console, people
from tests.integration.services.console.stand_in import workers

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CHILD = "email/email.send/{key}/0/0123456789abcdef"
MAIL = SendEmail(to="ada@example.com", subject="Private matter", body="Hi")


@dataclass
class Stage:
    """A console, and the feed on which a worker of emails tells."""

    desk: Console
    feed: EventFeed

    async def tell(self, *events: JobEvent) -> None:
        """Tell of jobs."""
        for event in events:
            self.feed.tell(event)
            self.feed.flush()


@pytest.fixture(scope="module")
async def stage(broker: Broker, operator: Connection, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A console with a database in which nothing is done."""
    folder = tmp_path_factory.mktemp("job")
    url = f"sqlite+aiosqlite:///{folder / 'nightshift.db'}"
    await migrate(url)
    file = folder / "people.toml"
    file.write_text(people(vic="viewer", ada="operator"), encoding="utf-8")
    async with console(folder, broker, console_users_file=str(file), database_url=url) as desk:
        yield Stage(desk, EventFeed("email", operator))


async def page_of(browser: Browser, job_id: str, job_type: str = "email.send", **more: str) -> str:
    """The text of a job's page."""
    answer = await browser.client.get(f"/jobs/{job_type}", params={"id": job_id, **more})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


def event(job_id: str, what: What, attempt: int = 1, **more: Any) -> JobEvent:
    """One turn of a job."""
    return JobEvent(type="email.send", id=job_id, what=what, attempt=attempt, **more)


async def test_a_life_is_told_attempt_by_attempt_with_its_errors(stage: Stage, operator: Connection) -> None:
    """Three attempts, the last of which ended in a dead letter with its error in full."""
    job_id = new_job_id()
    await stage.tell(
        event(job_id, "retry", 1, error="SmtpError", ms=1200.0),
        event(job_id, "retry", 2, error="TimeoutError"),
        event(job_id, "dead", 3, error="attempts-exhausted"),
    )
    await seed.dead(operator, "SmtpError: 550 no such mailbox", job_id=job_id, died=datetime.now(UTC))
    async with stage.desk.person("ada") as ada:

        async def is_told() -> bool:
            text = await page_of(ada, job_id)
            places = [text.find(part) for part in ("published, as", "attempt 1 failed", "attempt 2 failed", "given up")]
            return places == sorted(places) and min(places) > 0 and "550 no such mailbox" in text

        await eventually(is_told, what="the life is told in order")
        text = await page_of(ada, job_id)
        assert "1.20 s" in text
        assert "TimeoutError" in text
        assert "Its dead letter email:" in text
        assert 'data-follows=""' in text  # it is over: nothing more comes


async def test_whoever_redrove_a_job_stands_between_its_death_and_what_came_next(
    stage: Stage, operator: Connection
) -> None:
    """Alone or among many; what was done to another job meanwhile is not told of it."""
    alone, other, many = new_job_id(), new_job_id(), new_job_id()
    fault = f"fault of {many}"
    for job_id in (alone, other, many):
        await stage.tell(event(job_id, "dead", 3, error="attempts-exhausted"))
    letters = {job_id: await seed.dead(operator, fault, job_id=job_id) for job_id in (alone, other, many)}
    async with stage.desk.person("ada") as ada, workers(operator, lambda _: "done"):
        for job_id in (alone, other):
            path = f"/dead/email/{letters[job_id]}/redrive"
            await ada.send(path, on=path, reason=f"the box of {job_id} is there")
        await shows(ada, await begin_redrive(ada, fault, letters=1), "All were acted on")

        async def told(job_id: str, *wanted: str) -> bool:
            text = await page_of(ada, job_id)
            places = [text.find(part) for part in ("given up on", *wanted, "attempt 1 is done")]
            return places == sorted(places) and min(places) > 0

        one = f"redrive email:{letters[alone]} (email.send, job {alone}); the box of {alone} is there"
        await eventually(lambda: told(alone, "redriven by ada", one), what="its own redrive is told")
        assert f"the box of {other}" not in await page_of(ada, alone)
        words = ("dead letters of its service were redriven by ada", "redrive 1 dead letter: error")
        await eventually(lambda: told(many, *words), what="the redrive of many is told")


async def test_a_running_job_says_how_far_it_is(stage: Stage) -> None:
    """The newest alone, and the page follows."""
    job_id = new_job_id()
    await stage.tell(
        event(job_id, "progress", fraction=0.25, note="first part"),
        event(job_id, "progress", fraction=0.5, note="second part"),
    )
    async with stage.desk.person("vic") as vic:

        async def is_shown() -> bool:
            return "50 %" in await page_of(vic, job_id)

        await eventually(is_shown, what="the progress is shown")
        text = await page_of(vic, job_id)
        assert "second part" in text
        assert "first part" not in text
        assert 'data-follows="queue.email events.email pauses"' in text


async def test_what_came_of_a_job_is_a_tree_and_the_rest_of_its_trace_stands_beside_it(stage: Stage) -> None:
    """Children by their ids, theirs below them, and whoever began it; others by the trace alone."""
    parent, other = new_job_id(), new_job_id()
    child = CHILD.format(key=parent)
    grandchild = CHILD.format(key=wire.safe_token(child))
    traced: Any = {"trace": TRACE}
    await stage.tell(
        event(parent, "done", **traced),
        event(child, "done", **traced),
        event(grandchild, "retry", error="SmtpError", **traced),
        event(other, "done", **traced),
        event("stranger", "done"),
    )
    async with stage.desk.person("vic") as vic:

        async def is_told() -> bool:
            return other in await page_of(vic, parent)

        await eventually(is_told, what="what was told is stored")
        text = await page_of(vic, parent)
        came, _, beside = text.partition("Of the same trace")
        assert came.index("email%2Femail.send%2F" + parent) < came.index('<li class="depth-1">')
        assert other in beside
        assert "stranger" not in text
        assert f"/jobs/email.send?id={parent}" in await page_of(vic, child)


async def test_a_job_in_a_small_queue_is_found_and_one_in_a_large_queue_part_by_part(
    stage: Stage, operator: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked through is said, and the next part is a link."""
    await manage(operator, "STREAM.PURGE.EMAIL")
    await seed.waiting(operator, 600)
    for job_id in ("the-last", "the-very-last"):
        await Publisher(operator).publish(MAIL, job_id=job_id)
    async with stage.desk.person("vic") as vic:
        text = await page_of(vic, "the-last")
        assert "waiting in its queue" in text
        assert "Private matter" not in text
        monkeypatch.setattr("nightshift.console.jobs.life.SMALL_QUEUE", 10)
        text = await page_of(vic, "the-very-last")
        assert "jobs in its queue were looked through" in text
        following = re.search(r"search=([0-9]+)", text)
        assert following is not None
        assert "waiting in its queue" in await page_of(vic, "the-very-last", search=following[1])
        assert "not in its queue, to its end" in await page_of(vic, "never-was", search="0")


async def test_a_body_is_told_by_its_contract_and_seen_by_who_may_for_a_reason(
    stage: Stage, operator: Connection
) -> None:
    """A viewer sees fields and lengths; an operator says why, which is logged; a secret stays hidden even then."""
    body = b'{"to":"ada@example.com","subject":"Private matter","body":"<p>Hi</p>","password":"hunter22"}'
    sequence = (await store(operator, "dead.email.send", {wire.JOB_ID: "masked-1"}, body)).seq
    async with stage.desk.person("vic") as vic, stage.desk.person("ada") as ada:

        async def is_shown() -> bool:
            return "text, 14 characters" in await page_of(vic, "masked-1")

        await eventually(is_shown, what="the body is told")
        text = await page_of(vic, "masked-1")
        assert "Private matter" not in text
        assert "ada@example.com" not in text
        assert text.count("not in the contract") == 1
        assert "Show the body" not in text
        place = {"stream": "EMAIL_DLQ", "sequence": str(sequence)}
        answer = await vic.send("/bodies", on="/", reason="curious", **place)
        assert answer.status_code == 403
        assert "Private matter" not in answer.text
        page = "/jobs/email.send?id=masked-1"
        assert (await ada.send("/bodies", on=page, reason=" ", **place)).status_code == 400
        for wrong in ({"stream": "CRON_PAUSED"}, {"sequence": "x"}, {"stream": "EMAIL_DLQ\r\n"}, {"sequence": "0"}):
            assert (await ada.send("/bodies", on=page, reason="r", **(place | wrong))).status_code == 400
        text = (await ada.send("/bodies", on=page, reason="customer 17 asks", **place)).text
        assert "Private matter" in text
        assert "hunter22" not in text
        assert "&lt;p&gt;Hi" in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff\xfe no json", "that are not JSON"),
        (b"", "that are not JSON"),
        (b"[1,2,3]", "a list of 3"),
        (b"[" * 5000, "that are not JSON"),
        (b"{" + b",".join(b'"f%d":1' % number for number in range(5000)) + b"}", "only its first 200 fields"),
        (b'{"to":"' + b"x" * 120_000 + b'"}', "text, 120,000 characters"),
    ],
)
async def test_any_body_is_shown_at_once(stage: Stage, operator: Connection, body: bytes, said: str) -> None:
    """Whatever somebody has published."""
    job_id = new_job_id()
    await store(operator, "dead.email.send", {wire.JOB_ID: job_id}, body)
    async with stage.desk.person("vic") as vic:

        async def is_shown() -> bool:
            return said in await page_of(vic, job_id)

        await eventually(is_shown, what=said)


async def test_a_job_of_a_type_that_cannot_be_is_no_page(stage: Stage) -> None:
    """With the types that there are."""
    async with stage.desk.person("vic") as vic:
        for path in ("/jobs/nothing.at-all?id=1", "/jobs/email.*?id=1", "/jobs/email?id=1", "/jobs/email.send"):
            assert (await vic.open(path)).status_code == 404, path
