"""Read an account's repositories over GitHub's REST API (https://docs.github.com/rest/repos/repos)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from nightshift.config.secret import Secret
from nightshift.instants import utc_now
from nightshift.outcomes import Permanent, Snooze
from services.sync.connector import Account, RateLimitedError, SourcePage, Validators
from services.sync.connectors.github_responses import PAGE_SIZE, page, refusal
from services.sync.http.http_client import Web, origin

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_WRONG_TOKEN = timedelta(minutes=5)


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
        return f"{base}{path}&sort=created&direction=asc&per_page={PAGE_SIZE}"

    async def fetch(self, account: Account, cursor: str | None, validators: Validators | None) -> SourcePage:
        """See `Connector.fetch`."""
        start, now = self.start(account), self._now()
        url, ours = cursor or start, account.credentials is None
        if origin(url) != origin(start):
            raise Permanent("the next page is at another host than the account: it is not requested")
        if ours and self._limited_until > now:
            raise RateLimitedError(self._limited_until - now, "GitHub accepts no requests from us now")
        token = account.credentials or (self._token if origin(start) == origin(self._url) else None)
        answer = await self._web.get(
            url,
            {**_HEADERS, **(validators or Validators()).conditions()},
            authorization=f"Bearer {token.reveal()}" if token else None,
            trusted=origin(self._url),
        )
        if answer.status in {200, 304}:
            return page(answer, url, now, conditional=bool(validators))
        error = refusal(answer, now, of_account=ours)
        if isinstance(error, RateLimitedError) and ours and error.delay is not None:
            self._limited_until = now + error.delay
        if answer.status == 401 and ours and token:  # noqa: PLR2004 - Unauthorized
            raise Snooze(_WRONG_TOKEN, f"GitHub refuses our own token ({error}); check GITHUB_TOKEN")
        raise error

    def _plain(self, base: str) -> bool:
        return self._allow_plain or origin(base) == origin(self._url)


def _name(account: Account) -> str:
    return quote(account.external_account, safe="")
