"""What workers tell of all jobs, as it comes: for whoever waits for what becomes of a job that they have just sent."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from msgspec import UNSET
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from nightshift.broker import Connection
from nightshift.cli.queries.latest_events import latest
from nightshift.contract.job_events import MAX_EVENTS, JobEvent, What
from nightshift.worker.event_feed import EventFeed
from tests.harness import eventually
from tests.integration.services.console import seed
from tests.integration.services.console.browser import page_of, sign_in_by_keyboard
from tests.integration.services.console.harness import Browser, Console


@pytest.fixture
async def vic(desk: Console) -> AsyncIterator[Browser]:
    """The browser of a viewer."""
    async with desk.person("vic") as browser:
        yield browser


async def tell(
    connection: Connection, job_id: str, *turns: What, job_type: str = "email.send", error: str = ""
) -> None:
    """Tell of a job, as its worker does, in one message."""
    feed = EventFeed(job_type.partition(".")[0], connection)
    for turn in turns:
        feed.tell(JobEvent(type=job_type, id=job_id, what=turn, ms=1234.0, error=error or UNSET))
    feed.flush()
    await connection.flush()


async def shows(browser: Browser, path: str, text: str) -> str:
    """Wait until a page shows a text; return the page."""
    seen = ""

    async def is_shown() -> bool:
        nonlocal seen
        answer = await browser.open(path)
        assert answer.status_code == 200, answer.text
        seen = answer.text
        return text in seen

    await eventually(is_shown, what=f"{path} shows {text!r}")
    return seen


async def test_every_end_of_an_attempt_is_shown_the_newest_first(vic: Browser, operator: Connection) -> None:
    """With how long it took, why it failed, and the way to its job; that it began is shown on demand."""
    await tell(operator, "feed-1", "started", "retry", error="SmtpError")
    await tell(operator, "feed-2", "done", job_type="report.generate")
    text = await shows(vic, "/events", "feed-2")
    assert text.index("feed-2") < text.index("feed-1")
    assert 'href="/jobs/email.send?id=feed-1"' in text
    assert "SmtpError" in text
    assert "1.23 s" in text
    assert '<td class="">started' not in text
    assert "feed-1" in await shows(vic, "/events?what=started", ">started</td>")


async def test_the_list_is_of_one_type_or_one_kind_of_turn(vic: Browser, operator: Connection) -> None:
    """And the command line beside it says the same; what there is not is refused with what there is."""
    await tell(operator, "mail-dead", "dead")
    await tell(operator, "report-done", "done", job_type="report.generate")
    text = await shows(vic, "/events?type=email.send&what=dead", "mail-dead")
    assert "report-done" not in text
    assert "nightshift events tail --type email.send --what dead" in text
    for wrong, said in (("type=nothing.at-all", "email.send"), ("what=undone", "handed-back")):
        answer = await vic.open(f"/events?{wrong}")
        assert (answer.status_code, said in answer.text) == (400, True)


async def test_what_is_rare_is_found_behind_what_is_not(operator: Connection) -> None:
    """Read back further and further; with no time for that, it is said that not all was looked at."""
    await tell(operator, "rare", "dead-letter-refused")
    often: list[What] = ["done"] * MAX_EVENTS
    for _ in range(40):
        await tell(operator, "frequent", *often)
    newest = partial(latest, operator, "events.>", most=5)
    found = await newest(lambda event: event.what == "dead-letter-refused", seconds=20)
    assert [one.event.id for one in found.told] == ["rare"]
    assert found.complete
    found = await newest(lambda event: event.what == "dead-letter-refused", seconds=0)
    assert (list(found.told), found.complete) == ([], False)
    found = await newest(lambda event: event.what == "done", seconds=20)
    assert ([one.event.id for one in found.told], found.complete) == (["frequent"] * 5, False)


async def test_what_a_job_says_of_itself_is_text(vic: Browser, operator: Connection) -> None:
    """Its id and its error come from elsewhere."""
    await tell(operator, seed.HOSTILE, "dead", error=seed.HOSTILE)
    text = await shows(vic, "/events", "&lt;script&gt;alert(1)")
    assert "<script>alert" not in text


async def test_a_job_that_ends_appears_on_the_page_that_is_open(
    desk: Console, operator: Connection, chromium: Chromium
) -> None:
    """By itself."""
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, desk)
        await page.goto(f"{desk.url}/events")
        await tell(operator, "just-now", "done")
        await expect(page.get_by_role("link", name="just-now")).to_be_visible(timeout=20_000)
