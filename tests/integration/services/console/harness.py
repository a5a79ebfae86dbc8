"""The console on this event loop, with the real broker behind it, and people who use it as a browser does."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from nightshift.config.settings import load
from nightshift.console.service import serve
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.link import new_link_secret, write_link
from nightshift.console.sign_in.passwords import hash_password
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from tests.harness import eventually
from tests.servers import listens

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"
NOWHERE = "nats://127.0.0.1:9"


@dataclass
class Browser:
    """A person's browser: keeps cookies, follows redirects, sends forms with what the page puts into them."""

    client: httpx.AsyncClient

    async def open(self, path: str) -> httpx.Response:
        """Open an address."""
        return await self.client.get(path, follow_redirects=True)

    async def send(self, path: str, *, on: str = "/", **fields: str) -> httpx.Response:
        """Send a form that stands on the page `on`, whose token it gets."""
        form = {"token": await self.token(on), **fields}
        return await self.client.post(path, data=form, headers=SAME_ORIGIN, follow_redirects=True)

    async def token(self, on: str = "/") -> str:
        """Return the form token of a page; empty if it has none."""
        found = re.search(r'name="token" value="([^"]+)"', (await self.open(on)).text)
        return found[1] if found else ""


@dataclass
class Console:
    """A running console."""

    url: str
    settings: ConsoleSettings
    link_file: Path
    running: "asyncio.Task[int]"
    stop: asyncio.Event

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Browser]:
        """A browser in which nobody has signed in."""
        async with httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False) as client:
            yield Browser(client)

    @asynccontextmanager
    async def person(self, name: str = "ada", password: str = PASSWORD) -> AsyncIterator[Browser]:
        """A browser in which somebody has signed in by password."""
        async with self.stranger() as browser:
            answer = await browser.client.post(
                "/sign-in", data={"name": name, "password": password}, headers=SAME_ORIGIN
            )
            assert answer.status_code == 303, answer.text
            yield browser


def people(**roles: str) -> str:
    """Return a file of users who all have the same password."""
    stored = hash_password(PASSWORD)
    return "".join(f'[users.{name}]\nrole = "{role}"\npassword = "{stored}"\n' for name, role in roles.items())


@asynccontextmanager
async def console(folder: Path, broker: Broker | None = None, /, **settings: str) -> AsyncIterator[Console]:
    """Run a console; `settings` are environment variables in lower case. Without a broker, it is away."""
    port, health_port = free_ports(2)
    port = int(settings.get("console_port", port))
    link_file = folder / "console-link"
    write_link(link_file, new_link_secret())
    environment = {
        "NATS_URL": broker.url if broker else NOWHERE,
        "HEALTH_PORT": str(health_port),
        "CONSOLE_PORT": str(port),
        "CONSOLE_LINK_FILE": str(link_file),
        **{name.upper(): value for name, value in settings.items()},
    }
    loaded, stop = load(ConsoleSettings, environment), asyncio.Event()
    running = asyncio.create_task(serve(loaded, stop))
    try:
        await eventually(lambda: _listens(port, running), what="the console listens")
        yield Console(f"http://{LOOPBACK}:{port}", loaded, link_file, running, stop)
    finally:
        stop.set()
        await running


async def _listens(port: int, running: "asyncio.Task[int]") -> bool:
    if running.done():
        running.result()
    return await listens(port)


def location(answer: httpx.Response) -> str:
    """Return the path that an answer leads to."""
    return urlsplit(answer.headers["location"]).path
