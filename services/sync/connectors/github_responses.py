"""Interpret the responses of GitHub's REST API.

Limits as in https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api

| response | meaning |
|---|---|
| 200, 304 | a page; with `X-RateLimit-Remaining: 0` the next one has to wait |
| 403 or 429 with `Retry-After` | `RateLimitedError` for that long |
| 403 or 429 with `X-RateLimit-Remaining: 0` | `RateLimitedError` until `X-RateLimit-Reset` |
| 429, or 403 that mentions a rate limit | `RateLimitedError` with a growing delay |
| 401; 404 of an account | `SourceRefusedError` |
| 502 or 504; 500 or 503 twice; none in time | `LargePageError`: a page of half the size |
| anything else | `SyncFailedError` |
"""

from datetime import datetime
from typing import Any

import msgspec

from nightshift import Permanent
from nightshift.config.redaction import single_line
from nightshift.retry_after import retry_after
from services.sync.connector import (
    RateLimitedError,
    Record,
    SourcePage,
    SourceRefusedError,
    SyncFailedError,
    Validators,
)
from services.sync.connectors.page_size import page_size
from services.sync.dates import instant
from services.sync.http import sanitize
from services.sync.http.http_client import Answer, origin
from services.sync.http.link_header import links
from services.sync.http.rate_limits import until_reset

_NOT_MODIFIED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 304, 401, 403, 404, 429
_LIMIT_WORDS = ("rate limit", "abuse detection", "secondary-rate-limits")
_TOPICS = 100
_FLAGS = ("private", "fork", "archived")
_TEXTS = ("name", "full_name", "description", "language", "default_branch", "visibility")
_INSTANTS = ("created_at", "updated_at", "pushed_at")
_COUNTS = ("stargazers_count", "forks_count", "open_issues_count")
_MAX_NUMBER = 2**53


def page(answer: Answer, url: str, now: datetime, *, conditional: bool) -> SourcePage:
    """Read a page of repositories; `conditional` tells that the request was conditional.

    Raises:
        SyncFailedError: the response is not what GitHub documents.
    """
    following = _next_page(answer, url)
    pause = until_reset(answer.headers, now) if answer.headers.get("x-ratelimit-remaining") == "0" else None
    if answer.status == _NOT_MODIFIED:
        if not conditional:
            raise SyncFailedError("GitHub answered 304 to a request that was not conditional")
        return SourcePage(following=following, unchanged=True, pause=pause)
    records = [_record(repository) for repository in _listed(answer.body)]
    # A full last page may get a successor without changing itself, so a 304 for it would not be reliable.
    reliable = following is not None or len(records) < page_size(url)
    validators = Validators.from_headers(answer.headers) if reliable else Validators()
    return SourcePage(records, following, validators, pause=pause)


def refusal(answer: Answer, now: datetime, *, of_account: bool) -> Exception:
    """Return the error that any other response means; `of_account` tells that the address names the account."""
    said = _error_text(answer.body)
    words = f"GitHub answered {answer.status}{': ' if said else ''}{single_line(said, 300)}"
    if answer.status in {_FORBIDDEN, _TOO_MANY}:
        wait = retry_after(answer.headers, now)
        used_up = answer.headers.get("x-ratelimit-remaining") == "0"
        if wait is None and used_up:
            wait = until_reset(answer.headers, now)
        if wait or used_up or answer.status == _TOO_MANY or any(word in said.lower() for word in _LIMIT_WORDS):
            return RateLimitedError(wait, words)
    if answer.status == _UNAUTHORIZED or (answer.status == _NOT_FOUND and of_account):
        return SourceRefusedError(words)
    return SyncFailedError(words)


def _next_page(answer: Answer, url: str) -> str | None:
    found = links(answer.headers.get("link", ""), answer.url).get("next")
    if found is None:
        return None
    try:
        elsewhere = origin(found) != origin(url)
    except Permanent:  # not an address of the web
        elsewhere = True
    if elsewhere:
        raise SyncFailedError("GitHub's answer names a next page at another host, which is not requested")
    if found == url:
        raise SyncFailedError("GitHub's answer names itself as the next page")
    return found


def _listed(body: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(body, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SyncFailedError(f"GitHub's answer is no list of repositories: {single_line(str(error), 200)}") from None


def _record(repository: dict[str, Any]) -> Record:
    number = repository.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _MAX_NUMBER:
        raise SyncFailedError("GitHub's answer has a repository without a number as its id")
    data: dict[str, Any] = {_camel(name): sanitize.cleaned(repository.get(name), 1000) for name in _TEXTS}
    data |= {_camel(name): instant(sanitize.cleaned(repository.get(name))) for name in _INSTANTS}
    data |= {_camel(name): repository.get(name) is True for name in _FLAGS}
    data |= {_camel(name): _count(repository.get(name)) for name in _COUNTS}
    address = sanitize.cleaned(repository.get("html_url"))
    topics = repository.get("topics")
    data["url"] = sanitize.web_address(address, "")
    data["topics"] = (
        [sanitize.clean(one, 100) for one in topics if isinstance(one, str)][:_TOPICS]
        if isinstance(topics, list)
        else []
    )
    return Record(str(number), "repository", data)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER else None


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _error_text(body: bytes) -> str:
    """Return an error's message and documentation address: either may identify a secondary rate limit."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    parts = (sanitize.cleaned(error.get("message"), 300), sanitize.cleaned(error.get("documentation_url"), 200))
    return " ".join(part for part in parts if part)
