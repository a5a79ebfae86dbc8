"""Finds the application of a request's path among few, each with its method checked by itself."""

from collections.abc import Mapping

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send


class Paths:
    """An ASGI application for each path, `/v1/jobs/{type}`; the first that fits answers, else `default`."""

    def __init__(self, applications: Mapping[str, ASGIApp], default: ASGIApp) -> None:
        self._applications = [(compile_path(path)[0].match, app) for path, app in applications.items()]
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its `path_params` are the parameters of the path, as text."""
        path = scope["path"]
        for match, application in self._applications:
            if found := match(path):
                scope["path_params"] = found.groupdict()
                await application(scope, receive, send)
                return
        await self._default(scope, receive, send)
