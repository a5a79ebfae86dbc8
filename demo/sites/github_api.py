"""A stand-in for the part of GitHub's REST API that lists repositories, with its pages, tags, limits and errors.

Formats as in https://docs.github.com/rest/repos/repos and
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.sites.http_site import Reply, Request

_DOCS = "https://docs.github.com/rest"
_JSON = {"Content-Type": "application/json; charset=utf-8", "X-GitHub-Media-Type": "github.v3; format=json"}


def repository(number: int, owner: str = "ada", **changes: Any) -> dict[str, Any]:
    """Return a repository as the API does, with the few fields that are read."""
    name = f"project-{number:04}"
    return {
        "id": 1_296_000 + number,
        "node_id": "MDEwOlJlcG9zaXRvcnkxMjk2MjY5",
        "name": name,
        "full_name": f"{owner}/{name}",
        "owner": {"login": owner, "id": 1, "type": "User"},
        "private": False,
        "html_url": f"https://github.com/{owner}/{name}",
        "description": f"Project number {number}",
        "fork": False,
        "language": "Python",
        "forks_count": 9,
        "stargazers_count": number,
        "open_issues_count": 0,
        "topics": ["nightshift"],
        "archived": False,
        "visibility": "public",
        "default_branch": "main",
        "pushed_at": "2026-01-26T19:06:43Z",
        "created_at": "2024-01-26T19:01:12Z",
        "updated_at": "2026-01-26T19:14:43Z",
        **changes,
    }


@dataclass
class GitHubApi:
    """Accounts with their repositories; `tokens` are those that are let in, for the account each belongs to.

    `remaining` requests are answered, then 403 until `reset` (seconds since 1970). `script` holds answers that are
    given before anything else.
    """

    accounts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    remaining: int = 5000
    reset: float = 0.0
    window_seconds: float = 3600.0
    script: deque[Reply | bytes | None] = field(default_factory=deque)
    largest: int = 100
    """Larger pages are answered with `too_large`: the account is too large for the time that the API has."""
    too_large: int = 502
    before: Callable[[Request], None] | None = None
    """Called with each request before it is answered: whatever happens meanwhile."""

    async def respond(self, request: Request) -> Reply | bytes:
        """Answer as the API does."""
        if self.before is not None:
            self.before(request)
        forced = self.script.popleft() if self.script else None
        if forced is not None:
            return forced
        if self.remaining <= 0 and time.time() >= self.reset:
            self.remaining = 5000
        return self._authorized(request)

    def _authorized(self, request: Request) -> Reply:
        if not request.headers.get("user-agent"):
            return self.error(403, "Request forbidden by administrative rules.")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return self.error(401, "Bad credentials")
        if self.remaining <= 0:
            return self.error(403, "API rate limit exceeded for user ID 1.")
        owner = self.tokens.get(token, "") if request.path == "/user/repos" else request.path.split("/")[2]
        if not owner:
            return self.error(401, "Requires authentication")
        return self._listed(request, owner)

    def _listed(self, request: Request, owner: str) -> Reply:
        if owner not in self.accounts:
            self.remaining -= 1
            return self.error(404, "Not Found")
        size, number = int(request.query("per_page", "30")), int(request.query("page", "1"))
        if size > self.largest:
            return self.error(self.too_large, "Server Error")
        shown = self.accounts[owner]
        body = json.dumps(shown[(number - 1) * size : number * size]).encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        headers = {**_JSON, "ETag": tag, "Vary": "Accept, Authorization", "Cache-Control": "private, max-age=60"}
        link = _link(request, number, max(1, -(-len(shown) // size)))
        headers |= {"Link": link} if link else {}
        if request.headers.get("if-none-match") == tag:
            return Reply(304, {**headers, **self._limits()})
        self.remaining -= 1
        if self.remaining <= 0:
            self.reset = int(time.time() + self.window_seconds)
        return Reply(200, {**headers, **self._limits()}, body)

    def page(self, repositories: list[dict[str, Any]]) -> Reply:
        """Return a page that is the last one, whatever there is."""
        return Reply(200, {**_JSON, **self._limits()}, json.dumps(repositories).encode())

    def error(self, status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
        """Return an error as the API does."""
        body = json.dumps({"message": message, "documentation_url": _DOCS, "status": str(status)}).encode()
        return Reply(status, {**_JSON, **self._limits(), **(headers or {})}, body)

    def _limits(self) -> dict[str, str]:
        reset = self.reset or time.time() + self.window_seconds
        return {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(int(reset)),
            "X-RateLimit-Used": str(5000 - self.remaining),
            "X-RateLimit-Resource": "core",
        }


def _link(request: Request, number: int, last: int) -> str:
    base = f"http://{request.headers['host']}{request.target.partition('&page=')[0]}"
    pages = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    if number <= 1:
        pages = {name: page for name, page in pages.items() if name in {"next", "last"}}
    if number >= last:
        pages = {name: page for name, page in pages.items() if name in {"prev", "first"} and number > 1}
    return ", ".join(f'<{base}&page={page}>; rel="{name}"' for name, page in pages.items())
