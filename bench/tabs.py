"""A tab of a browser that shows a page of the console and follows it, as the console's own script does.

`python -m bench.tabs 20 http://127.0.0.1:8090` are twenty browsers with one each, until they are stopped.
"""

import argparse
import asyncio
import re
import sys

import httpx

PASSWORD = "correct horse battery"  # noqa: S105 - of a benchmark's own console
PAGES = ("/", "/queues/{service}", "/dead", "/workers", "/schedules")
SOON_SECONDS, SETTLED_SECONDS, AGE_SECONDS = 0.75, 2.0, 10.0


class Tab:
    """One that is the only one of its browser, and so has a stream of its own; `loads` counts how often it asked."""

    def __init__(self, client: httpx.AsyncClient, path: str) -> None:
        self._client, self._path = client, path
        self._changed = asyncio.Event()
        self.loads = 0
        self.text = ""

    async def run(self) -> None:
        """Follow the page until cancelled."""
        await self._load()
        hearing = asyncio.ensure_future(self._hear(self._attribute("version"), self._attribute("follows").split()))
        pause = AGE_SECONDS
        try:
            while not hearing.done():
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                    pause = SETTLED_SECONDS
                except TimeoutError:
                    pause = AGE_SECONDS
                self._changed.clear()
                await self._load()
                await asyncio.sleep(SOON_SECONDS)
            await hearing
        finally:
            hearing.cancel()

    async def _load(self) -> None:
        answer = await self._client.get(self._path)
        answer.raise_for_status()
        self.text = answer.text
        self.loads += 1

    async def _hear(self, version: str, follows: list[str]) -> None:
        mine = {"*", *follows}
        async with self._client.stream("GET", f"/live?since={version}", timeout=None) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if line.startswith("data:") and mine & set(line.removeprefix("data:").split()):
                    self._changed.set()

    def _attribute(self, name: str) -> str:
        found = re.search(rf'data-{name}="([^"]*)"', self.text)
        if found is None:
            raise RuntimeError(f"the page {self._path} says nothing of data-{name}")
        return found[1]


async def sign_in(client: httpx.AsyncClient) -> None:
    """Sign in as Ada, as soon as the console answers."""
    form, headers = {"name": "ada", "password": PASSWORD}, {"Sec-Fetch-Site": "same-origin"}
    while True:
        try:
            await client.post("/sign-in", data=form, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        return


async def follow(url: str, count: int, service: str) -> None:
    """Follow with so many tabs, until cancelled."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        await sign_in(client)
        tabs = [Tab(client, PAGES[number % len(PAGES)].format(service=service)) for number in range(count)]
        print("following", flush=True)
        await asyncio.gather(*(tab.run() for tab in tabs))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tabs",
        description=__doc__,
        epilog="example: python -m bench.tabs 20 http://127.0.0.1:8090",
    )
    parser.add_argument("count", type=int, help="how many")
    parser.add_argument("url", help="of the console")
    parser.add_argument("--service", default="email", help="whose queue is shown (default: email)")
    options = parser.parse_args()
    asyncio.run(follow(options.url, options.count, options.service))
    return 0


if __name__ == "__main__":
    sys.exit(main())
