"""One request of a page or an action, and the table's row that it belongs to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from nightshift.console.rights import READING, Right
from nightshift.console.sign_in.person import Person
from nightshift.contract import wire

if TYPE_CHECKING:
    from nightshift.console.context import ConsoleContext


@dataclass(slots=True)
class Visit:
    """A request by a person; None where nobody has signed in, which few routes allow."""

    request: Request
    console: "ConsoleContext"
    person: Person | None
    request_id: str
    seen: int = 0
    """The version of the changes that its page knows."""
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the address: a page's whole state."""
        query: Mapping[str, str] = self.request.query_params
        return query

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters of the path, decoded."""
        params: Mapping[str, str] = self.request.path_params
        return params

    @property
    def here(self) -> str:
        """The address of the request within the console, without its parameters."""
        path: str = self.request.scope["path"]
        return quote(path, safe="/:@!$&'()*+,;=~", errors="replace")

    def url(self, path: str, /, **query: object) -> str:
        """Return an address within the console; parameters that are None or empty are left out."""
        given = {name: str(value) for name, value in query.items() if value is not None and value != ""}
        return self.console.settings.prefix + path + (f"?{urlencode(given)}" if given else "")

    def may(self, right: Right) -> bool:
        """Return whether something is offered: the person has the right, and the broker lets this console do it."""
        if self.person is None or not self.person.may(right):
            return False
        return right in READING or not self.console.is_read_only

    def job(self, job_type: str, job_id: str) -> str:
        """Return the address of a job's page; empty for what has none: an event, or a letter without an id."""
        known = job_id and wire.service_of(job_type) in self.console.services
        return self.url(f"/jobs/{quote(job_type, safe='')}", id=job_id) if known else ""


Handler = Callable[[Visit], Awaitable[Response]]
"""Answers a visit; raises `Refused` for everything that is no success."""


@dataclass(slots=True, frozen=True)
class Route:
    """One method of one path, and the right that it needs; None: nobody needs to have signed in."""

    method: str
    path: str
    handler: Handler
    right: Right | None
