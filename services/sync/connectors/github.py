"""Read an account's repositories over GitHub's REST API (https://docs.github.com/rest/repos/repos)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from nightshift import Permanent, Snooze
from nightshift.config.settings import Secret
from nightshift.instants import utc_now
from services.sync.connector import (
    Account,
    LargePageError,
    NoAnswerInTimeError,
    RateLimitedError,
    SourcePage,
    TooLargeError,
    Validators,
)
from services.sync.connectors.github_responses import page, refusal
from services.sync.connectors.page_size import LARGEST, smaller_page
from services.sync.http.http_client import Answer, Web, origin

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_WRONG_TOKEN = timedelta(minutes=5)
_OVERTAXED, _TIMED_OUT = frozenset({500, 502, 503, 504}), frozenset({502, 504})


class GitHubConnector:
    """Lists an account's own repositories with its credentials, else the public ones of `external_account`.

    Oldest first, so that a repository created during the round appears behind the pages that were read already.
    """

    name = "github"

    def __init__(
        self,
        web: Web,
        *,
        url: str,
        token: Secret | None = None,
        allow_plain: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._web, self._url, self._token, self._allow_plain, self._now = web, url.rstrip("/"), token, allow_plain, now
        self._limited_until = datetime.min.replace(tzinfo=UTC)
        """Accounts without credentials share one rate limit: when it is exhausted for one, the others wait too."""

    def start(self, account: Account) -> str:
        """See `Connector.start`."""
        base = (account.base_url or self._url).rstrip("/")
        origin(base)
        if account.credentials is None and not account.external_account:
            raise Permanent("the account has neither credentials nor a name at GitHub: link it again")
        if account.credentials is not None and base.startswith("http:") and not self._plain(base):
            raise Permanent("the account's address is not https: its credentials would be sent unencrypted")
        path = "/user/repos?affiliation=owner" if account.credentials else f"/users/{_name(account)}/repos?type=owner"
        return f"{base}{path}&sort=created&direction=asc&per_page={LARGEST}"

    async def fetch(self, account: Account, cursor: str | None, validators: Validators | None) -> SourcePage:
        """See `Connector.fetch`."""
        start, now = self.start(account), self._now()
        url, ours = cursor or start, account.credentials is None
        if origin(url) != origin(start):
            raise Permanent("the next page is at another host than the account: it is not requested")
        if ours and self._limited_until > now:
            raise RateLimitedError(self._limited_until - now, "GitHub accepts no requests from us now")
        token = account.credentials or (self._token if origin(start) == origin(self._url) else None)
        answer = await self._answer(url, validators or Validators(), token)
        if answer.status in {200, 304}:
            return page(answer, url, now, conditional=bool(validators))
        error = refusal(answer, now, of_account=ours)
        if isinstance(error, RateLimitedError) and ours and error.delay is not None:
            self._limited_until = now + error.delay
        if answer.status == 401 and ours and token:  # noqa: PLR2004 - Unauthorized
            raise Snooze(_WRONG_TOKEN, f"GitHub refuses our own token ({error}); check GITHUB_TOKEN")
        raise error

    async def _answer(self, url: str, validators: Validators, token: Secret | None) -> Answer:
        """Request a page.

        Raises:
            LargePageError: there is none, and a smaller page may help: large accounts take GitHub longer than it has.
        """
        headers = {**_HEADERS, **validators.conditions()}
        authorization = f"Bearer {token.reveal()}" if token else None
        smaller = smaller_page(url)
        try:
            answer = await self._web.get(url, headers, authorization=authorization, trusted=origin(self._url))
        except (NoAnswerInTimeError, TooLargeError) as error:
            if smaller is None:
                raise
            raise LargePageError(str(error), smaller=smaller, is_likely=True) from None
        if answer.status in _OVERTAXED and smaller is not None and "retry-after" not in answer.headers:
            reason = str(refusal(answer, self._now(), of_account=False))
            raise LargePageError(reason, smaller=smaller, is_likely=answer.status in _TIMED_OUT)
        return answer

    def _plain(self, base: str) -> bool:
        return self._allow_plain or origin(base) == origin(self._url)


def _name(account: Account) -> str:
    return quote(account.external_account, safe="")
