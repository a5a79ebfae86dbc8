"""What the screens show: figures of the real broker, dead letters as they come and go, schedules, processes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.topology import schedule_pauses
from nightshift.topology.discovery import Responder, describe_self
from tests.harness import DEADLINE_SECONDS, eventually
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import hidden_in
from tests.integration.services.console.harness import Browser, Console, console, people


@pytest.fixture
async def ada(desk: Console) -> AsyncIterator[Browser]:
    """The browser of an operator."""
    async with desk.person("ada") as browser:
        yield browser


async def text_of(browser: Browser, path: str) -> str:
    """A page's text."""
    answer = await browser.open(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def shows(browser: Browser, path: str, text: str, timeout_seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until a page shows a text."""

    async def is_shown() -> bool:
        return text in await text_of(browser, path)

    await eventually(is_shown, what=f"{path} shows {text!r}", timeout_seconds=timeout_seconds)


async def test_now_says_what_needs_a_person_before_all_figures(ada: Browser, operator: Connection) -> None:
    """Jobs that nobody runs, and a pause, each with the page that shows it."""
    await seed.waiting(operator, 3, "report.generate")
    await manage(operator, "CONSUMER.PAUSE.SYNC.sync", {"pause_until": "2200-01-01T00:00:00Z"})
    await shows(ada, "/", "No worker of report answers, and 3 jobs of it wait.")
    await shows(ada, "/", "sync is paused; 0 jobs waiting.")
    assert 'href="/queues/report"' in await text_of(ada, "/")
    await manage(operator, "CONSUMER.PAUSE.SYNC.sync", {})


async def test_what_needs_a_person_leads_to_what_to_do(ada: Browser, operator: Connection) -> None:
    """On the first page and on the queue's own, to the section of the guide, which is there."""
    await seed.waiting(operator, 1, "report.generate")
    section = "a-component-or-a-process-is-unavailable"
    for path in ("/", "/queues/report"):
        await shows(ada, path, f'href="/help#{section}" aria-label="What to do: No worker of report answers')
    assert f'<h2 id="{section}">A component or a process is unavailable</h2>' in await text_of(ada, "/help")


async def test_a_queue_shows_its_jobs_page_by_page_without_their_bodies(ada: Browser, operator: Connection) -> None:
    """Oldest first; the address says where a page begins."""
    await seed.waiting(operator, 60, "upload.process")
    first = await text_of(ada, "/queues/upload?type=upload.process")
    assert ("mail-0<" in first, "mail-49<" in first, "mail-50<" in first) == (True, True, False)
    assert "ada@example.com" not in first
    after = first.partition("after=")[2].partition("#")[0]
    second = await text_of(ada, f"/queues/upload?type=upload.process&after={after}")
    assert ("mail-49<" in second, "mail-50<" in second, "mail-59<" in second) == (False, True, True)
    assert "No more jobs from there on." in await text_of(ada, "/queues/upload?at=2099-01-01T00:00")


async def test_a_retry_is_told_apart_from_what_waits_for_its_time(ada: Browser, operator: Connection) -> None:
    """On the queue's page, and on the first one; also when more come."""
    await seed.later(operator, 1, "sync.external", attempts=0)
    await seed.later(operator, 2, "sync.external", attempts=1)
    await shows(ada, "/queues/sync", "<dt>Retry</dt><dd>2</dd></div>\n<div><dt>Later</dt><dd>1</dd>")
    assert '<td class="number">2</td>\n<td class="number">1</td>' in await text_of(ada, "/")
    await manage(operator, "STREAM.PURGE.SYNC_LATER")
    await shows(ada, "/queues/sync", "<dt>Retry</dt><dd>0</dd></div>\n<div><dt>Later</dt><dd>0</dd>")


async def test_dead_letters_are_grouped_found_and_forgotten(ada: Browser, operator: Connection) -> None:
    """As they come, and when they are redriven or purged."""
    numbers = [
        await seed.dead(operator, f"SmtpError: 550 no mailbox {n}", job_id=f"dead-{n}") for n in range(1000, 1005)
    ]
    await seed.dead(operator, "TimeoutError: the server said nothing", job_id="slow")
    await shows(ada, "/dead?service=email", "SmtpError: 550 no mailbox {n}")
    await shows(ada, "/dead?error=said+nothing", ">slow<")
    found = await text_of(ada, "/dead?error=said+nothing")
    assert "dead-1000" not in found
    assert "1 of 6 dead letters" in found
    assert "nightshift dlq list --error &#39;said nothing&#39;" in found
    group = (await text_of(ada, "/dead")).partition('href="/dead?group=')[2].partition('"')[0]
    assert "5 dead letters of one fault" in await text_of(ada, f"/dead?group={group}")
    await manage(operator, "STREAM.MSG.DELETE.EMAIL_DLQ", {"seq": numbers[2], "no_erase": True})
    await shows(ada, f"/dead?group={group}", "4 dead letters of one fault")
    await manage(operator, "STREAM.PURGE.EMAIL_DLQ")
    await shows(ada, "/dead", "There are none.")
    assert (await ada.open(f"/dead/email/{numbers[0]}")).status_code == 404


async def test_a_group_shows_when_its_letters_died_and_after_which_deploy(ada: Browser, operator: Connection) -> None:
    """Of those that the console has seen; a fault from before it has no version."""
    me = describe_self("sync", "http://127.0.0.1:1")
    version = ["1.4.1"]
    await Responder(operator, lambda: msgspec.structs.replace(me, version=version[0])).start()
    await seed.dead(operator, "OldError: it was so before", job_id="old", job_type="sync.external")
    await shows(ada, "/workers", "1.4.1")
    version[0] = "1.4.2"
    await shows(ada, "/workers", "1.4.2")
    await seed.dead(operator, "NewError: it broke", job_id="new", job_type="sync.external", died=datetime.now(UTC))
    await shows(ada, "/dead?service=sync", "NewError")
    rows = (await text_of(ada, "/dead?service=sync")).partition('id="groups"')[2].partition("</table>")[0].split("<tr>")
    (old,), (new,) = ([row for row in rows if f"{word}Error" in row] for word in ("Old", "New"))
    assert "began with version 1.4.2" in new
    assert "began with" not in old
    assert all('<svg class="spark"' in row and 'aria-label="died since' in row for row in (old, new))


async def test_the_chart_of_a_queue_marks_what_was_done_meanwhile(
    broker: Broker, operator: Connection, tmp_path: Path
) -> None:
    """A pause by somebody, a redrive of its letters and a new version; not what was done to other queues."""
    me = describe_self("report", "http://127.0.0.1:1")
    version = ["2.0"]
    await Responder(operator, lambda: msgspec.structs.replace(me, version=version[0])).start()
    async with AsyncExitStack() as stack:
        file = tmp_path / "people.toml"
        file.write_text(people(ada="operator"), encoding="utf-8")
        desk = await stack.enter_async_context(console(tmp_path, broker, console_users_file=str(file)))
        ada = await stack.enter_async_context(desk.person("ada"))
        await shows(ada, "/queues/report", 'aria-label="waiting in the last', timeout_seconds=60)
        version[0] = "2.1"
        sequence = await seed.dead(operator, "ReportError: 1", job_id="marked", job_type="report.generate")
        for path, more in (
            ("/queues/report/pause", {"until": "until-resumed", "reason": "too much"}),
            ("/queues/report/resume", {}),
            (f"/dead/report/{sequence}/redrive", {"reason": "mended"}),
        ):
            asked = hidden_in((await ada.open(path)).text)
            answer = await ada.send(path, on=path, **(asked | more))
            assert answer.status_code == 200, answer.text
        for text in ("2.1 deployed", "pause report", "resume report", f"redrive report:{sequence}"):
            await shows(ada, "/queues/report", f"<title>{text}", timeout_seconds=60)
        assert "<title>" not in (await text_of(ada, "/queues/upload")).partition("<main")[2]


async def test_one_dead_letter_is_shown_with_all_but_its_body(ada: Browser, operator: Connection) -> None:
    """Its error in full, its headers, and the command that brings it back; what is hostile in it is text."""
    sequence = await seed.dead(operator, f"{seed.HOSTILE}\nsecond line", job_id=seed.HOSTILE[:40])
    text = await text_of(ada, f"/dead/email/{sequence}")
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "second line" in text
    assert f"nightshift dlq redrive email:{sequence}" in text
    assert "ada@example.com" not in text
    for wrong in ("email/x", "email/0", "nowhere/1", f"email/{'9' * 30}"):
        assert (await ada.open(f"/dead/{wrong}")).status_code == 404
    assert (await ada.open("/dead?before=x")).status_code == 400


async def test_schedules_show_what_is_due_and_what_is_paused(ada: Browser, operator: Connection) -> None:
    """All of them, and one with its next times."""
    await schedule_pauses.pause(operator, "report.weekly", datetime.now(UTC))
    listed = await text_of(ada, "/schedules")
    assert all(name in listed for name in ("report.weekly", "cleanup.daily", "sync.all", "paused"))
    one = await text_of(ada, "/schedules/report.weekly")
    assert "It is paused." in one
    assert one.count("Mon 20") == 10
    assert "did you mean report.weekly" in (await ada.open("/schedules/report.weakly")).text
    await schedule_pauses.resume(operator, "report.weekly")


async def test_workers_shows_every_process_that_answers(ada: Browser, operator: Connection) -> None:
    """The console itself, and a worker."""
    await Responder(operator, lambda: describe_self("email", "http://127.0.0.1:1")).start()
    await shows(ada, "/workers", '<th scope="row">email</th>')
    text = (await text_of(ada, "/workers")).partition('id="gone"')[0]
    rows = text.split('<th scope="row">')[1:]
    assert any(row.startswith("console<") for row in rows)
    assert f"{len(rows)} processes answer" in text


async def test_workers_warns_of_a_service_whose_processes_have_several_versions(
    ada: Browser, operator: Connection
) -> None:
    """Of the application, as the processes tell it; services that differ from each other are no mixed deploy."""
    me = describe_self("maintenance", "")
    await Responder(operator, partial(replace, me, host="other", service="webhook", app_version="1.0")).start()
    await Responder(operator, partial(replace, me, host="older", app_version="4.1")).start()
    await shows(ada, "/workers", ">4.1<")
    assert "maintenance 4.1" not in await text_of(ada, "/workers")
    await Responder(operator, partial(replace, me, host="newer", app_version="4.2")).start()
    await shows(ada, "/workers", "maintenance 4.1, 4.2")
    assert "webhook 1.0" not in await text_of(ada, "/workers")


async def test_workers_shows_which_event_loop_was_held_up(ada: Browser, operator: Connection) -> None:
    """For long, as a warning; of a process of an older version nothing is known."""
    me = describe_self("upload", "")
    await Responder(operator, partial(replace, me, host="blocked", loop_lag_seconds=1.234)).start()
    await Responder(operator, partial(replace, me, host="old")).start()
    await shows(ada, "/workers", ">blocked<")
    await shows(ada, "/workers", ">old<")
    rows = {row.partition("<td>")[2].partition("<")[0]: row for row in (await text_of(ada, "/workers")).split("<tr>")}
    assert '<td class="number warning">1.23 s</td>' in rows["blocked"]
    assert '<td class="number"></td></tr>' in rows["old"]
