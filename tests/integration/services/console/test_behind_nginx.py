"""The console behind a proxy with a path, in a real browser: Debian's nginx with the lines of the documentation."""

from pathlib import Path

from playwright.async_api import Browser, expect

from nightshift.broker import Connection
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.servers.broker import Broker
from tests.integration.services.console import seed
from tests.integration.services.console.browser import page_of
from tests.integration.services.console.harness import PASSWORD, console, people
from tests.nginx import documented, nginx


async def test_every_link_form_and_file_goes_through_the_proxys_path(
    broker: Broker, operator: Connection, chromium: Browser, tmp_path: Path
) -> None:
    """Signing in, looking around, following by itself, and out: nothing is asked beside the path."""
    await seed.waiting(operator, 2)
    (port,) = free_ports(1)
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    folder = tmp_path / "nginx"
    folder.mkdir()
    address = f"http://127.0.0.1:{port}/nightshift"
    async with (
        console(tmp_path, broker, console_users_file=str(file), console_url=address) as desk,
        nginx(folder, port, documented("console.md").replace("http://127.0.0.1:8090", desk.url)),
        page_of(chromium) as (page, heard),
    ):
        await page.goto(f"{address}/jobs?state=waiting")
        await page.fill("[name=name]", "root")
        await page.fill("[name=password]", PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("waiting in a queue")
        await page.get_by_role("link", name="mail-0").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("mail-0")
        for screen in ("Now", "Dead letters", "Schedules", "Workers"):
            await page.get_by_role("link", name=screen, exact=True).click()
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
        async with page.expect_response(lambda answer: answer.request.resource_type == "fetch", timeout=20_000):
            pass
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        asked = [one for one in heard if one.startswith("asked ")]
        assert [one for one in asked if not one.startswith(f"asked {address}/")] == []
        assert [one for one in heard if one not in asked] == []
