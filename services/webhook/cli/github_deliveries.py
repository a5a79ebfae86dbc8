"""GitHub's record of what it delivered (https://docs.github.com/rest/repos/webhooks)."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Annotated, Self, TypeVar

import httpx
import msgspec

from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, UNAVAILABLE, CommandError
from nightshift.config.redaction import single_line
from nightshift.config.settings import Secret
from nightshift.proxies import choose_proxy

T = TypeVar("T")
_PAGE = 100
_MAX_PAGES = 200
_TIMEOUT_SECONDS = 30.0


class Delivery(msgspec.Struct, frozen=True):
    """One attempt; all attempts of an event have one `guid`."""

    id: int
    guid: str
    delivered_at: Annotated[datetime, msgspec.Meta(tz=True)]
    event: str
    status_code: int = 0
    """0 where there was no answer."""
    action: str | None = None


class _Hook(msgspec.Struct):
    id: int


def failed(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the last attempt of each event of which no attempt was answered with 2xx, the oldest first."""
    last, arrived = dict[str, Delivery](), set[str]()
    for one in sorted(deliveries, key=lambda one: one.delivered_at):
        last[one.guid] = one
        if httpx.codes.is_success(one.status_code):
            arrived.add(one.guid)
    return [one for guid, one in last.items() if guid not in arrived]


class GitHubDeliveries:
    """Reads deliveries, and asks for new ones; `owner` is `repos/<owner>/<name>` or `orgs/<name>`.

    Every method raises `CommandError` where GitHub does not answer as it should.
    """

    def __init__(self, url: str, token: Secret) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={
                "Authorization": f"Bearer {token.reveal()}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "nightshift",
            },
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,  # its reading of the proxy variables fails on some that others understand
            verify=httpx.create_ssl_context(),
            proxy=choose_proxy(url, os.environ).url,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def hooks(self, owner: str) -> list[int]:
        """Return the ids of all webhooks."""
        pages = await self._pages(f"/{owner}/hooks?per_page={_PAGE}", list[_Hook])
        return [hook.id for page in pages for hook in page]

    async def deliveries(self, owner: str, hook: int, since: datetime) -> list[Delivery]:
        """Return the deliveries of a webhook since an instant; GitHub has the newest on its first page."""
        path = f"/{owner}/hooks/{hook}/deliveries?per_page={_PAGE}"
        pages = await self._pages(
            path, list[Delivery], enough=lambda page: bool(page) and page[-1].delivered_at < since
        )
        return [one for page in pages for one in page if one.delivered_at >= since]

    async def redeliver(self, owner: str, hook: int, delivery: int) -> None:
        """Ask for another attempt."""
        await self._ask("POST", f"/{owner}/hooks/{hook}/deliveries/{delivery}/attempts")

    async def _pages(
        self, path: str, kind: type[list[T]], enough: Callable[[list[T]], bool] = lambda _: False
    ) -> list[list[T]]:
        pages = list[list[T]]()
        while len(pages) < _MAX_PAGES:
            response = await self._ask("GET", path)
            try:
                pages.append(msgspec.json.decode(response.content, type=kind))
            except msgspec.DecodeError as error:
                raise CommandError(f"GitHub's answer to {path} is not as expected: {error}", UNAVAILABLE) from None
            following = response.links.get("next", {}).get("url", "")
            if not following or enough(pages[-1]):
                return pages
            path = str(httpx.URL(following).copy_with(scheme=None, host=None, port=None))
        return pages

    async def _ask(self, method: str, path: str) -> httpx.Response:
        try:
            response = await self._client.request(method, path)
        except httpx.HTTPError as error:
            words = single_line(str(error), 300) or type(error).__name__
            raise CommandError(f"no answer from GitHub ({self._client.base_url}): {words}", UNAVAILABLE) from None
        if not response.is_success:
            words = single_line(response.text, 300)
            raise CommandError(f"GitHub answered {response.status_code} to {method} {path}: {words}", ANSWER_IS_NO)
        return response
