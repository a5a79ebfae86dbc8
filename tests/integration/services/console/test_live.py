"""Pages that follow by themselves: one stream for a browser, one look at the broker for all of them."""

import asyncio
import functools
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, expect

from bench.tabs import Tab
from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.broker import Broker
from tests.harness import eventually
from tests.integration.services.console import seed
from tests.integration.services.console.browser import page_of, sign_in_by_keyboard
from tests.integration.services.console.harness import SAME_ORIGIN, Console, console, people
from tests.nginx import documented, nginx

NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
"""As in a browser to which the console's address is not trustworthy: plain HTTP on another machine."""
HIDE = """() => {
  Object.defineProperty(document, "hidden", { configurable: true, value: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW = HIDE.replace("true });", "false });")
MOST_PER_SECOND = 15.0
BROWSERS = 20
NONE = "None matches."


@asynccontextmanager
async def tabs_of(chromium: Chromium, desk: Console, count: int) -> AsyncIterator[tuple[list[Page], list[str]]]:
    """Tabs of one browser that show the first page, and the streams that they have asked for."""
    context = await chromium.new_context()
    streams = list[str]()
    context.on("request", lambda request: streams.append(request.url) if "/live?" in request.url else None)
    first = await context.new_page()
    await sign_in_by_keyboard(first, desk)
    try:
        yield [first, *[await _another(context, desk) for _ in range(count - 1)]], streams
    finally:
        await context.close()


async def _another(context: BrowserContext, desk: Console) -> Page:
    page = await context.new_page()
    await page.goto(f"{desk.url}/")
    return page


async def says(page: Page, service: str, waiting: int, *, seconds: float = 20) -> None:
    """Wait until the first page says how many jobs wait."""
    row = page.locator("tbody tr", has=page.get_by_role("link", name=service, exact=True))
    await expect(row.locator("td").first).to_have_text(str(waiting), timeout=seconds * 1000)


@asynccontextmanager
async def stream_of(client: httpx.AsyncClient, since: str = "0") -> AsyncIterator[AsyncIterator[str]]:
    """What a browser reads that follows."""
    async with client.stream("GET", f"/live?since={since}", timeout=20) as answer:
        assert answer.status_code == 200
        yield answer.aiter_lines()


async def test_all_tabs_of_a_browser_share_one_stream(desk: Console, operator: Connection, chromium: Chromium) -> None:
    """More than the six connections that a browser makes; when the one that has it is closed, another takes over."""
    async with tabs_of(chromium, desk, 8) as (pages, streams):
        await eventually(lambda: streams, what="one of them follows")
        await seed.waiting(operator, 3, "sync.external")
        for page in pages:
            await says(page, "sync", 3)
        assert len(streams) == 1
        await pages[0].close()
        await eventually(lambda: len(streams) == 2, what="another takes over")
        await seed.waiting(operator, 1, "sync.external")
        for page in pages[1:]:
            await says(page, "sync", 4)
        assert len(streams) == 2


async def test_a_hidden_tab_follows_nothing_and_catches_up_when_it_is_looked_at(
    desk: Console, operator: Connection, chromium: Chromium
) -> None:
    """Its stream ends, and its page asks nothing."""
    async with tabs_of(chromium, desk, 1) as ([page], streams):
        await eventually(lambda: streams, what="it follows")
        asked = list[str]()
        async with page.expect_event("requestfailed", lambda request: "/live?" in request.url):
            await page.evaluate(HIDE)
        page.on("request", lambda request: asked.append(request.url))
        await seed.waiting(operator, 2, "upload.process")
        async with desk.person("vic") as vic:
            await eventually(lambda: _shows(vic.client, "upload", "2"), what="the console knows it")
        assert asked == []
        await page.evaluate(SHOW)
        await says(page, "upload", 2)
        await eventually(lambda: len(streams) == 2, what="it follows again")


async def _shows(client: httpx.AsyncClient, service: str, waiting: str) -> bool:
    text = (await client.get("/")).text.partition(f'<th scope="row"><a href="/queues/{service}"')[2]
    return re.search(r">([\d,]+)</td>", text)[1] == waiting  # type: ignore[index]  # there is such a cell


async def test_a_change_at_the_broker_is_on_the_screen_soon(
    desk: Console, operator: Connection, chromium: Chromium
) -> None:
    """Within a second and a half, in the middle of five times."""
    async with tabs_of(chromium, desk, 1) as ([page], streams):
        await eventually(lambda: streams, what="it follows")
        took = list[float]()
        for count in range(1, 6):
            began = time.perf_counter()
            await seed.waiting(operator, 1, "maintenance.sessions")
            await says(page, "maintenance", count)
            took.append(time.perf_counter() - began)
        assert statistics.median(took) < 1.5, took


async def test_a_page_follows_behind_a_proxy_that_holds_back_what_is_streamed(
    broker: Broker, operator: Connection, chromium: Chromium, tmp_path: Path
) -> None:
    """And does so by asking every two seconds, as where a browser lacks what sharing a stream takes."""
    (port,) = free_ports(1)
    file, folder = tmp_path / "people.toml", tmp_path / "nginx"
    file.write_text(people(root="admin"), encoding="utf-8")
    folder.mkdir()
    address = f"http://127.0.0.1:{port}/nightshift"
    holding = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_buffers 8 64k;"
    async with (
        console(tmp_path, broker, console_users_file=str(file), console_url=address) as desk,
        nginx(folder, port, f"{holding}\n{documented('console.md').replace('http://127.0.0.1:8090', desk.url)}"),
        page_of(chromium) as (page, _),
    ):
        await page.goto(f"{address}/")
        await page.fill("[name=name]", "root")
        await page.fill("[name=password]", "correct horse battery")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Queues")).to_be_visible()
        await seed.waiting(operator, 1, "report.generate")
        await says(page, "report", 1)


async def test_a_browser_that_cannot_share_a_stream_asks_by_itself(
    desk: Console, operator: Connection, chromium: Chromium
) -> None:
    """Every two seconds, and opens no stream: six tabs with one each would leave no connection for a page."""
    async with page_of(chromium) as (page, heard):
        await page.add_init_script(NO_LOCKS)
        await sign_in_by_keyboard(page, desk)
        await seed.waiting(operator, 1, "webhook.received")
        await says(page, "webhook", 1)
        assert [one for one in heard if "/live?" in one] == []


async def test_who_comes_back_is_told_what_it_has_missed(desk: Console, operator: Connection) -> None:
    """By the version that its page knows, or by the id of the last event."""
    async with desk.person("vic") as vic:
        page = (await vic.open("/")).text
        version = page.partition('data-version="')[2].partition('"')[0]
        await seed.waiting(operator, 1)
        async with stream_of(vic.client, version) as lines:
            found = [line async for line in _until(lines, "queue.email")]
        last = next(line for line in found if line.startswith("id: ")).removeprefix("id: ")
        async with vic.client.stream("GET", "/live", headers={"Last-Event-ID": last}) as answer:
            assert [line async for line in _until(answer.aiter_lines(), "")][-1] != "data: *"
        async with stream_of(vic.client, "12") as lines:
            assert [line async for line in _until(lines, "*")][-1] == "data: *"


async def _until(lines: AsyncIterator[str], topic: str) -> AsyncIterator[str]:
    """Yield lines to the first that tells of a topic."""
    async for line in lines:
        yield line
        if line.startswith("data:") and (not topic or topic in line.split()):
            return


async def test_the_stream_ends_with_the_session(desk: Console) -> None:
    """Whoever signs out, or is taken out of the file, hears no more of it."""
    async with desk.person("vic") as vic, desk.stranger() as stranger:
        token = await vic.token()
        async with stream_of(vic.client) as lines:
            await anext(lines)
            await vic.client.post("/sign-out", data={"token": token}, headers=SAME_ORIGIN)
            async with asyncio.timeout(15):
                assert [line async for line in lines][-1] == ""
        assert (await stranger.client.get("/live")).status_code == 303
        assert (await vic.client.get("/live")).status_code == 303


async def test_a_console_that_stops_ends_its_streams(broker: Broker, operator: Connection, tmp_path: Path) -> None:
    """At once, and not when it cuts off whoever is left."""
    del operator
    file = tmp_path / "people.toml"
    file.write_text(people(vic="viewer"), encoding="utf-8")
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(console(tmp_path, broker, console_users_file=str(file)))
        vic = await stack.enter_async_context(desk.person("vic"))
        lines = await stack.enter_async_context(stream_of(vic.client))
        await anext(lines)
        reading = asyncio.ensure_future(_rest(lines))
        began = time.monotonic()
        desk.stop.set()
        await reading
        assert await desk.running == 0
        assert time.monotonic() - began < 4


async def _rest(lines: AsyncIterator[str]) -> None:
    async for _ in lines:
        pass


async def test_a_request_for_the_head_of_the_stream_is_answered(desk: Console) -> None:
    """And does not hang for want of a body."""
    async with desk.person("vic") as vic:
        answer = await vic.client.head("/live")
        assert (answer.status_code, answer.headers["x-accel-buffering"]) == (200, "no")
        for since in ("x", "-1", "9" * 40, "²"):
            async with stream_of(vic.client, since) as lines:
                assert [line async for line in _until(lines, "*")][-1] == "data: *"


async def test_what_many_browsers_cost_the_broker_is_what_one_does(
    desk: Console, broker: Broker, operator: Connection
) -> None:
    """While something changes all the time, whatever pages they show; and that is little."""
    pages = ("/queues/email", "/", "/dead", "/workers", "/schedules", "/queues/sync")
    async with desk.person("vic") as vic:
        working = asyncio.ensure_future(_change(operator))
        try:
            one = await _asked(broker, [Tab(vic.client, pages[0])])
            many = await _asked(broker, [Tab(vic.client, pages[number % len(pages)]) for number in range(BROWSERS)])
        finally:
            working.cancel()
    assert max(one, many) <= MOST_PER_SECOND, (one, many)
    assert many <= one + 5, (one, many)


async def _change(operator: Connection) -> None:
    while True:
        await seed.waiting(operator, 1)
        await seed.dead(operator, "SmtpError: 550", job_id="churn")
        await asyncio.sleep(0.5)


async def _asked(broker: Broker, tabs: list[Tab]) -> float:
    """Return the messages a second that the broker gets from the console while tabs follow their pages."""
    running = [asyncio.ensure_future(tab.run()) for tab in tabs]
    try:
        await eventually(lambda: all(tab.loads > 0 for tab in tabs), what="all are shown")
        before, began, loads = await _messages(broker), time.perf_counter(), tabs[0].loads
        await eventually(lambda: tabs[0].loads > loads + 3, what="the first is up to date")
        own = 4.0  # of the test itself, each second: two jobs and two letters
        return (await _messages(broker) - before) / (time.perf_counter() - began) - own
    finally:
        for tab in running:
            tab.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _messages(broker: Broker) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return int((await client.get(f"{broker.monitoring_url}/varz")).json()["in_msgs"])


async def test_letters_that_come_and_go_leave_nothing_behind(desk: Console, operator: Connection) -> None:
    """A page that is open shows the last of them, however many there were."""
    async with desk.person("vic") as vic:
        tab = Tab(vic.client, "/dead?service=upload")
        running = asyncio.ensure_future(tab.run())
        try:
            for number in range(5):
                await seed.dead(operator, f"Error{number}: x", job_id=f"go-{number}", job_type="upload.process")
                await eventually(functools.partial(_is_in, tab, f"go-{number}"), what="it is shown")
                await manage(operator, "STREAM.PURGE.UPLOAD_DLQ")
                await eventually(functools.partial(_is_in, tab, NONE), what="it is gone")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _is_in(tab: Tab, text: str) -> bool:
    return text in tab.text
