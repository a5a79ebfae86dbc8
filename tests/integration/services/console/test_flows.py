"""What a person on call does, from beginning to end, in a real browser: by keyboard alone, with and without JavaScript.

Others of these ways stand in test_browser.py (what follows by itself, every page by axe, narrow and wide), in
test_behind_nginx.py (a path before it) and in test_strange_requests.py (garbage).
"""

import asyncio
import random
import string
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, Page, expect

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.instants import utc_now
from nightshift.worker.event_feed import EventFeed
from tests.harness import eventually, provisioned
from tests.integration.services.console import seed
from tests.integration.services.console.browser import fill_in, follow, page_of, sign_in_by_keyboard, tab_to
from tests.integration.services.console.harness import PASSWORD, Console, console, people
from tests.integration.services.console.stand_in import workers
from tests.servers import running

BOTH = pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])


async def seen(page: Page, text: str) -> None:
    """Wait until a page says something, by asking for it again and again."""

    async def is_said() -> bool:
        await page.reload()
        return text in await page.inner_text("main")

    await eventually(is_said, what=f"the page says {text!r}")


async def fault(operator: Connection, count: int) -> str:
    """Let so many jobs die of a fault of their own; return its name, with which their ids begin."""
    name = "".join(random.choices(string.ascii_letters, k=8))  # noqa: S311 - no secret
    for number in range(count):
        await seed.dead(operator, f"{name}: 503 after {number} s", job_id=f"{name}-{number}")
    return name


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
async def page(desk: Console, chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A page in which an admin has signed in."""
    async with page_of(chromium, java_script_enabled=request.param) as (one, _):
        await sign_in_by_keyboard(one, desk)
        yield one


@BOTH
async def test_signing_in_and_out_and_whoever_guesses_waits(
    broker: Broker, chromium: Browser, tmp_path: Path, *, script: bool
) -> None:
    """After five failures each further try has to wait, longer every time."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    async with (
        console(tmp_path, broker, console_users_file=str(file)) as desk,
        page_of(chromium, java_script_enabled=script) as (page, _),
    ):
        await sign_in_by_keyboard(page, desk)
        await follow(page, "button", "Sign out")
        said = set[str]()
        while "Too many tries" not in said:
            await page.goto(f"{desk.url}/sign-in")
            await fill_in(page, "Name", "root")
            await fill_in(page, "Password", "wrong")
            await follow(page, "button", "Sign in")
            said.add(await page.get_by_role("heading", level=1).inner_text())
        await expect(page.get_by_role("alert")).to_contain_text("seconds, then try again")


async def test_from_the_alert_to_the_fault_and_back_to_work(desk: Console, operator: Connection, page: Page) -> None:
    """The alert's link, the group, one letter, the fix, a redrive with its canary, and what became of the jobs."""
    name = await fault(operator, 5)
    await page.goto(f"{desk.url}/dead?service=email")
    await seen(page, f"{name}-4")  # all of them are known to the console
    await follow(page, "link", name)
    await follow(page, "link", "email:")
    await follow(page, "link", "5 letters")
    await follow(page, "link", "Redrive these…")
    await fill_in(page, "Canary", "2")
    await fill_in(page, "Letters a second", "1000")
    await fill_in(page, "Why", "the provider is up again")
    async with workers(operator, lambda _: "done"):
        await follow(page, "button", "Redrive")
        await seen(page, "All were acted on")
        await seen(page, "Done\n5")


async def test_a_canary_stops_at_a_cause_that_is_still_there(desk: Console, operator: Connection, page: Page) -> None:
    """The others stay dead letters, and the page says why."""
    name = await fault(operator, 4)
    await page.goto(f"{desk.url}/dead?error={name}")
    await seen(page, f"{name}-3")
    await follow(page, "link", "Redrive these…")
    await fill_in(page, "Canary", "2")
    async with workers(operator, lambda _: "retry"):
        await follow(page, "button", "Redrive")
        await seen(page, "jobs failed again: the cause is still there")
    await expect(page.get_by_role("link", name="Go on, with a new canary…")).to_be_visible()


async def test_a_redrive_survives_a_restart_of_the_console(
    broker: Broker, operator: Connection, chromium: Browser, tmp_path: Path
) -> None:
    """The same address shows it afterwards, once somebody has signed in again."""
    file, (port,) = tmp_path / "people.toml", free_ports(1)
    file.write_text(people(root="admin"), encoding="utf-8")
    settings = {"console_users_file": str(file), "console_port": str(port)}
    name = await fault(operator, 20)
    async with page_of(chromium) as (page, _), workers(operator, lambda _: "done"):
        async with console(tmp_path, broker, **settings) as desk:
            await sign_in_by_keyboard(page, desk)
            await page.goto(f"{desk.url}/dead?error={name}")
            await seen(page, f"{name}-19")
            await follow(page, "link", "Redrive these…")
            await fill_in(page, "Canary", "2")
            await fill_in(page, "Letters a second", "4")
            await follow(page, "button", "Redrive")
            await expect(page.get_by_text("It runs")).to_be_visible(timeout=10_000)
            address = page.url
        await expect(page.locator("#live [role=status]")).not_to_be_empty(timeout=20_000)
        async with console(tmp_path, broker, **settings):
            await page.goto(address)
            await fill_in(page, "Name", "root")
            await fill_in(page, "Password", PASSWORD)
            await follow(page, "button", "Sign in")
            await expect(page).to_have_url(address)
            await expect(page.get_by_text("All were acted on")).to_be_visible(timeout=20_000)


async def test_many_are_discarded_by_typing_how_many(desk: Console, operator: Connection, page: Page) -> None:
    """Something else does not do."""
    name = await fault(operator, 3)
    await page.goto(f"{desk.url}/dead?error={name}")
    await seen(page, f"{name}-2")
    await follow(page, "link", "Discard these…")
    await fill_in(page, "Why", "a test")
    await fill_in(page, "Type 3 to confirm", "2")
    await follow(page, "button", "Discard 3 letters for good")
    await expect(page.get_by_role("alert")).to_contain_text("Type 3")
    await fill_in(page, "Type 3 to confirm", "3")
    await follow(page, "button", "Discard 3 letters for good")
    await seen(page, "All were acted on")


async def test_a_schedule_is_paused_run_and_resumed_with_what_that_announces(
    desk: Console, operator: Connection, page: Page
) -> None:
    """The page of a paused one says what resume would do, before anybody asks."""
    del operator
    await page.goto(f"{desk.url}/schedules")
    await follow(page, "link", "report.weekly")
    await follow(page, "link", "Pause…")
    await fill_in(page, "Why", "the provider is down")
    await follow(page, "button", "Pause it")
    await follow(page, "link", "Back")
    await expect(page.get_by_text("If it is resumed now:")).to_be_visible()
    await follow(page, "link", "Run now…")
    await follow(page, "button", "Run it now")
    await follow(page, "link", "Back")
    await expect(page.get_by_role("cell", name="by hand").first).to_be_visible()
    await follow(page, "link", "Resume…")
    await expect(page.get_by_text("It was not announced yet as it is now")).to_be_visible()
    await follow(page, "button", "Resume it")
    await expect(page.get_by_role("heading", name="report.weekly was resumed")).to_be_visible()


async def test_a_job_tells_its_three_attempts_and_what_came_of_it(
    desk: Console, operator: Connection, page: Page
) -> None:
    """As a list of moments, and a tree."""
    child = f"report/report.generate/{wire.safe_token('three-times')}/0/0123456789abcdef"
    own: dict[str, Any] = {"type": "report.generate", "id": "three-times"}
    feed = EventFeed("report", operator, now=utc_now)
    for attempt, what in ((1, "retry"), (2, "retry"), (3, "done")):
        feed.tell(msgspec.convert(own | {"what": what, "attempt": attempt, "ms": 812.0}, JobEvent))
    feed.flush()
    mails = EventFeed("email", operator, now=partial(utc_now))
    mails.tell(msgspec.convert({"type": "email.send", "id": child, "what": "done", "attempt": 1}, JobEvent))
    mails.flush()
    await operator.flush()
    await page.goto(f"{desk.url}/jobs")
    await fill_in(page, "Id", "three-times")
    await follow(page, "button", "Show")
    await follow(page, "link", "report.generate")
    moments = page.locator(".timeline li")
    for text in ("attempt 1 failed", "attempt 2 failed", "attempt 3 is done"):
        await expect(moments.filter(has_text=text).first).to_be_visible()
    await expect(page.locator(".tree li").first).to_contain_text("email.send")


async def test_a_queue_is_searched_a_part_at_a_time(desk: Console, operator: Connection, chromium: Browser) -> None:
    """It says how far it came, and goes on when it is told to; whoever leaves has ended it."""
    await asyncio.gather(*(seed.waiting(operator, 70, "sync.external") for _ in range(30)))
    async with page_of(chromium, java_script_enabled=False) as (page, _):
        await sign_in_by_keyboard(page, desk)
        await page.goto(f"{desk.url}/jobs/sync.external?id=nowhere")
        await expect(page.get_by_text("jobs in its queue were looked through")).to_be_visible()
        await follow(page, "link", "Look on in its queue")
        await expect(page.get_by_text("it is not in its queue, to its end")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("link", name="Look on in its queue")).to_be_visible()


async def test_a_viewer_is_shown_no_button_and_is_refused(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """By the address as well. That the broker refuses besides is tried with its own user in test_actions.py."""
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="viewed")
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, desk, "vic")
        for path in ("/queues/email", "/dead", f"/dead/email/{sequence}", "/schedules/report.weekly", "/bulk"):
            await page.goto(desk.url + path)
            buttons = page.locator("main").get_by_role("button").or_(page.locator("main .button"))
            names = [name for name in await buttons.all_inner_texts() if name != "Show"]
            assert names == [], path
        answer = await page.goto(f"{desk.url}/dead/email/{sequence}/redrive")
        assert answer is not None
        assert answer.status == 403
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")


async def test_a_body_is_masked_until_somebody_says_why_and_that_is_recorded(
    desk: Console, operator: Connection, page: Page
) -> None:
    """From the job to its body, and to the record of who looked."""
    name = await fault(operator, 1)
    await page.goto(f"{desk.url}/jobs/email.send?id={name}-0")
    await seen(page, "text, 15 characters")
    assert "ada@example.com" not in await page.content()
    await fill_in(page, "Why do you need to see it?", "a customer asks for it")
    await follow(page, "button", "Show the body")
    await expect(page.locator("pre")).to_contain_text("ada@example.com")
    await follow(page, "link", "Audit")
    await expect(page.get_by_role("cell", name="a customer asks for it").first).to_be_visible()


async def test_a_mistake_in_a_job_stands_at_its_field(desk: Console, operator: Connection, page: Page) -> None:
    """What was filled in stays; once it is right it is shown, and then sent."""
    del operator
    await page.goto(f"{desk.url}/send?type=email.send")
    field = page.locator("[name='field.to']")
    await tab_to(page, field)
    await page.keyboard.press("Control+A")
    await page.keyboard.type("nobody")
    await follow(page, "button", "Check it")
    await expect(page.locator("#about-to strong")).to_be_visible()
    await tab_to(page, field)
    await page.keyboard.press("Control+A")
    await page.keyboard.type("ada@example.com")
    await follow(page, "button", "Check it")
    await expect(page.get_by_text("await publisher.publish(SendEmail(")).to_be_visible()
    await follow(page, "button", "Send it")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sent")


async def test_a_form_survives_a_session_that_has_ended(
    broker: Broker, operator: Connection, chromium: Browser, tmp_path: Path
) -> None:
    """The console was started anew while somebody wrote: after signing in, the form is filled in."""
    del operator
    file, (port,) = tmp_path / "people.toml", free_ports(1)
    file.write_text(people(root="admin"), encoding="utf-8")
    settings = {"console_users_file": str(file), "console_port": str(port)}
    async with page_of(chromium, java_script_enabled=False) as (page, _):
        async with console(tmp_path, broker, **settings) as desk:
            await sign_in_by_keyboard(page, desk)
            await page.goto(f"{desk.url}/queues/email/pause")
            await fill_in(page, "Why", "the provider asks for it")
        async with console(tmp_path, broker, **settings):
            await follow(page, "button", "Pause it")
            await fill_in(page, "Name", "root")
            await fill_in(page, "Password", PASSWORD)
            await follow(page, "button", "Sign in")
            await expect(page.get_by_role("heading", name="Pause queue email")).to_be_visible()
            await expect(page.get_by_label("Why")).to_have_value("the provider asks for it")


async def test_a_broker_that_is_killed_is_told_and_its_return_is_seen(chromium: Browser, tmp_path: Path) -> None:
    """What was known stays, with its age; nothing is said to be empty."""
    folder, file = tmp_path / "broker", tmp_path / "people.toml"
    folder.mkdir()
    file.write_text(people(root="admin"), encoding="utf-8")
    async with (
        running(Broker(folder)) as broker,
        provisioned(broker) as operator,
        console(tmp_path, broker, console_users_file=str(file)) as desk,
        page_of(chromium) as (page, _),
    ):
        await seed.waiting(operator, 3)
        await sign_in_by_keyboard(page, desk)
        row = page.locator("tbody tr", has=page.get_by_role("link", name="email", exact=True))
        await expect(row.locator("td").first).to_have_text("3", timeout=20_000)
        await broker.kill()
        notice = page.get_by_text("These figures are not of now")
        await expect(notice).to_be_visible(timeout=30_000)
        await expect(row.locator("td").first).to_have_text("3")
        await broker.start()
        await expect(notice).not_to_be_visible(timeout=30_000)


async def test_eight_tabs_at_once_and_the_way_back_and_forth(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """Each shows its page; an address is a page's whole state, also for the buttons of the browser."""
    del operator
    paths = ("/", "/jobs", "/dead", "/schedules", "/workers", "/bulk", "/queues/email", "/audit")
    async with page_of(chromium) as (page, heard):
        await sign_in_by_keyboard(page, desk)
        tabs = [await page.context.new_page() for _ in paths]
        await asyncio.gather(*(tab.goto(desk.url + path) for tab, path in zip(tabs, paths, strict=True)))
        for tab in tabs:
            await expect(tab.get_by_role("heading", level=1)).to_be_visible()
        tab = tabs[1]
        await tab.goto(f"{desk.url}/jobs?state=dead")
        await tab.goto(f"{desk.url}/jobs?state=waiting")
        await tab.go_back()
        await expect(tab.get_by_label("State")).to_have_value("dead")
        await tab.go_forward()
        await expect(tab.get_by_label("State")).to_have_value("waiting")
        assert [one for one in heard if not one.startswith("asked ")] == []


async def test_a_page_at_twice_its_size_needs_no_scrolling_to_the_side(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """As on a window of 1,280 pixels at 200 %, for whoever wants no motion."""
    del operator
    view: dict[str, Any] = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
    async with page_of(chromium, reduced_motion="reduce", **view) as (page, _):
        await sign_in_by_keyboard(page, desk)
        for path in (
            "/",
            "/queues/email",
            "/jobs",
            "/dead",
            "/schedules",
            "/workers",
            "/send?type=email.send",
            "/audit",
        ):
            await page.goto(desk.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 640, path
