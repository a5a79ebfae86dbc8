"""An operation: one method of one path, the scope that it needs, and the function that answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from nightshift.gateway.auth.principal import Principal


@dataclass(slots=True, frozen=True)
class Call:
    """One request of an operation."""

    request: Request
    request_id: str
    principal: Principal
    trace: Mapping[str, str]
    """The headers with which a job that it causes carries its trace on (`traceparent`)."""

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters of the path, decoded."""
        params: Mapping[str, str] = self.request.path_params
        return params


Handler = Callable[[Call], Awaitable[Response]]
"""Answers a call; raises `Problem` for everything that is not a success."""


@dataclass(slots=True, frozen=True)
class Operation:
    """`scope` may name parameters of the path (`jobs:write:{type}`); None: it needs no credentials."""

    method: str
    path: str
    handler: Handler
    scope: str | None
