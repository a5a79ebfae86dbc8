"""The console in a real browser: by keyboard, narrow and wide, light and dark, with and without JavaScript."""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, Request, Response, expect

from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.embedded.servers.broker import Broker
from tests.harness import eventually
from tests.integration.services.console import seed
from tests.integration.services.console.browser import page_of, sign_in_by_keyboard
from tests.integration.services.console.harness import Console, console, people
from tests.node.installed import installed
from tests.repository import ROOT

PAGES = (
    "/",
    "/queues/email",
    "/jobs",
    "/jobs?state=dead",
    "/jobs/email.send?id=flow-1",
    "/dead",
    "/dead/email/1",
    "/audit",
    "/bulk",
    "/send?type=email.send",
    "/queues/email/pause",
    "/dead/redrive",
    "/dead/discard",
    "/dead/email/1/discard",
    "/schedules/report.weekly/resume",
    "/cancel?type=email.send&id=flow-1",
    "/schedules",
    "/schedules/report.weekly",
    "/workers",
    "/events",
    "/events?what=done",
    "/mail",
    "/mail/1",
    "/help",
)
WIDTHS = (320, 1280)
FORCED = {"color_scheme": "light", "forced_colors": "active", "reduced_motion": "reduce"}
AXE = ROOT / "tests" / "axe"
Scheme = Literal["light", "dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_asks_nobody_else_and_runs_nothing_that_a_job_says(
    desk: Console, operator: Connection, chromium: Browser, scheme: Scheme
) -> None:
    """At 320 and at 1,280 pixels: no page is wider than its window; hostile text is text."""
    headers = {wire.JOB_ID: seed.HOSTILE}
    await store(operator, "jobs.email.<b>", headers, b"{}")
    await seed.dead(operator, f"{seed.HOSTILE} {'long' * 100}", job_id=seed.HOSTILE)
    async with page_of(chromium, color_scheme=scheme) as (page, heard):
        await sign_in_by_keyboard(page, desk)

        async def is_known() -> bool:
            await page.goto(f"{desk.url}/dead")
            return await page.locator('a[href="/dead/redrive"]').count() > 0

        await eventually(is_known, what="the console knows the dead letter")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            for path in PAGES:
                answer = await page.goto(desk.url + path)
                assert answer is not None
                assert answer.status == 200, path
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        strange = [one for one in heard if not one.startswith(f"asked {desk.url}/")]
        assert strange == []


async def test_the_way_from_the_first_page_to_a_fault_needs_no_javascript(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """By links and forms alone: what needs a person, the group of the fault, one letter of it, and out."""
    await seed.dead(operator, "FlowError: nobody is at home", job_id="flow-1")
    async with page_of(chromium, java_script_enabled=False) as (page, _):
        await sign_in_by_keyboard(page, desk)

        async def is_shown() -> bool:
            await page.goto(f"{desk.url}/dead?service=email")
            return await page.get_by_role("link", name="FlowError: nobody is at home").count() == 1

        await eventually(is_shown, what="the group of the fault is shown")
        await page.get_by_role("link", name="FlowError: nobody is at home").click()
        await page.get_by_role("link", name="email:").first.click()
        assert "nightshift dlq redrive email:" in await page.inner_text("main")
        await page.get_by_role("button", name="Sign out").click()
        assert await page.get_by_role("heading", name="Sign in").count() == 1


async def test_a_letter_is_put_back_to_work_by_keyboard_and_without_javascript(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """From the letter over what it will do to what was done, and to the record of it."""
    sequence = await seed.dead(operator, "KeyboardError: 550", job_id="keys-1")
    async with page_of(chromium, java_script_enabled=False) as (page, _):
        await sign_in_by_keyboard(page, desk)
        await page.goto(f"{desk.url}/dead/email/{sequence}")
        await page.get_by_role("link", name="Redrive…", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=f"Redrive dead letter email:{sequence}")).to_be_visible()
        await page.get_by_label("Why").focus()
        await page.keyboard.type("the provider is up again")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Redriven")).to_be_visible()
        await page.get_by_role("link", name="What was done").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("cell", name="the provider is up again").first).to_be_visible()


async def test_a_group_is_redriven_by_its_form_without_javascript(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """From the group over the plan to the redrive's own page, where it is stopped."""
    for number in range(3):
        await seed.dead(operator, f"GroupError: 503 after {number} s", job_id=f"group-{number}")
    async with page_of(chromium, java_script_enabled=False) as (page, _):
        await sign_in_by_keyboard(page, desk)

        async def is_shown() -> bool:
            await page.goto(f"{desk.url}/dead?error=GroupError&reason=attempts-exhausted")
            return await page.get_by_role("link", name="email:").count() == 3

        await eventually(is_shown, what="the letters of the group are shown")
        await page.get_by_role("link", name="Redrive these…").click()
        await page.get_by_label("Why").fill("the provider is up again")
        await page.get_by_role("button", name="Redrive 3 letters").click()
        await expect(page.get_by_role("heading", name="Redrive of 3 dead letters")).to_be_visible()
        assert "the provider is up again" in await page.inner_text("main")
        await page.get_by_role("button", name="Stop it").click()
        await page.goto(page.url)

        async def is_stopped() -> bool:
            await page.reload()
            return "root stopped it" in await page.inner_text("main")

        await eventually(is_stopped, what="it is stopped")


async def test_a_pause_is_seen_in_another_browser_within_two_seconds(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """On every page, with who, why and until when."""
    del operator
    async with page_of(chromium) as (page, _), page_of(chromium) as (other, _):
        await sign_in_by_keyboard(page, desk)
        await sign_in_by_keyboard(other, desk)
        await other.goto(f"{desk.url}/workers")
        await page.goto(f"{desk.url}/queues/maintenance/pause")
        await page.get_by_label("Why").fill("the nightly backup")
        await page.get_by_role("button", name="Pause it").click()
        await expect(page.get_by_role("heading", name="maintenance is paused")).to_be_visible()
        notice = other.locator(".pauses")
        await expect(notice).to_contain_text("maintenance is paused", timeout=4_000)
        await expect(notice).to_contain_text("root: the nightly backup")
        await page.goto(f"{desk.url}/queues/maintenance/resume")
        await page.get_by_role("button", name="Resume it").click()


async def test_a_page_follows_the_queues_and_leaves_its_reader_alone(
    desk: Console, operator: Connection, chromium: Browser
) -> None:
    """New figures come by themselves; focus stays; held, nothing changes, until it is let go."""
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, desk)
        link = page.get_by_role("link", name="webhook", exact=True)
        row = page.locator("tbody tr", has=link)
        await link.focus()
        await seed.waiting(operator, 2, "webhook.received")
        await expect(row.locator("td").first).to_have_text("2", timeout=20_000)
        await expect(link).to_be_focused()
        await page.keyboard.press("r")
        await expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-pressed", "true")
        await seed.waiting(operator, 1, "webhook.received")
        async with page.expect_request(lambda request: request.url == f"{desk.url}/", timeout=20_000):
            await expect(row.locator("td").first).to_have_text("2")
            await page.keyboard.press("r")
        await expect(row.locator("td").first).to_have_text("3", timeout=20_000)


async def test_the_clock_at_the_foot_goes_on_with_the_page(desk: Console, chromium: Browser) -> None:
    """It is the server's at the time of what is shown."""
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, desk)
        clock = page.locator("footer time")
        loaded = await clock.text_content()
        assert loaded is not None
        await expect(clock).not_to_have_text(loaded, timeout=20_000)


async def test_a_page_whose_console_is_gone_says_so_and_keeps_what_it_shows(
    broker: Broker, operator: Connection, chromium: Browser, tmp_path: Path
) -> None:
    """With the time at which that was read."""
    del operator
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    async with page_of(chromium) as (page, _):
        async with console(tmp_path, broker, console_users_file=str(file)) as desk:
            await sign_in_by_keyboard(page, desk)
            await expect(page.get_by_role("heading", name="Queues")).to_be_visible()
        await expect(page.locator("#live [role=status]")).to_contain_text("does not answer", timeout=20_000)
        await expect(page.get_by_role("heading", name="Queues")).to_be_visible()


async def test_the_first_load_is_small_and_few_requests(desk: Console, chromium: Browser) -> None:
    """Page, style sheet, script and icon: less than 60 KB; six requests at most, with the stream of changes."""
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, desk)
        await page.goto("about:blank")  # what the page before asks is its own
        asked, answers = list[Request](), list[Response]()
        page.on("request", lambda one: asked.append(one))  # noqa: PLW0108 - Playwright marks its handlers, which a built-in one refuses
        page.on("response", lambda one: answers.append(one))  # noqa: PLW0108 - as above
        async with page.expect_response(lambda answer: "/live?" in answer.url):
            await page.goto(f"{desk.url}/")
        # What has changed since then is asked for again, as soon as the stream says so.
        load = [one.url for one in asked if one.resource_type != "fetch"]
        sizes = [len(await one.body()) for one in answers if one.request.resource_type not in {"eventsource", "fetch"}]
        assert len(load) <= 6, load
        assert 0 < sum(sizes) < 60_000


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, FORCED], ids=str)
async def test_no_page_breaks_a_rule_for_accessible_pages(
    desk: Console, operator: Connection, chromium: Browser, look: dict[str, Any]
) -> None:
    """axe-core finds nothing, in either scheme or in forced colours: contrast, names, tables, what keys reach."""
    source = (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    await seed.waiting(operator, 1)
    await seed.dead(operator, "SmtpError: 550", job_id="axe")
    found = dict[str, list[str]]()
    async with page_of(chromium, **look, viewport={"width": 1280, "height": 800}) as (page, _):
        await page.goto(f"{desk.url}/sign-in")
        found["/sign-in"] = await _broken_rules(page, source)
        await sign_in_by_keyboard(page, desk)
        for path in (*PAGES, "/nowhere"):
            await page.goto(desk.url + path)
            found[path] = await _broken_rules(page, source)
    assert {path: rules for path, rules in found.items() if rules} == {}


async def _broken_rules(page: Page, source: str) -> list[str]:
    await page.evaluate(source)
    outcome: dict[str, Any] = await page.evaluate("axe.run()")
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in outcome["violations"]]
