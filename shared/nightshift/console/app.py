"""The application: one table of routes, each behind the same door."""

from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from nightshift.console.actions import bulks, cancelling, edited, export, queues
from nightshift.console.actions import letters as letter_actions
from nightshift.console.actions import schedules as schedule_actions
from nightshift.console.context import ConsoleContext, Screen
from nightshift.console.rights import Right
from nightshift.console.screens import (
    audit,
    dead,
    events,
    guide,
    job,
    jobs,
    live,
    mail,
    now,
    queue,
    schedules,
    send,
    workers,
)
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.routes import SignIn
from nightshift.console.web.door import Door
from nightshift.console.web.pages import assets
from nightshift.console.web.refused import Refused
from nightshift.console.web.same_origin import OwnAddress
from nightshift.console.web.visit import Route, Visit

SCREENS = (
    Screen("Now", "/"),
    Screen("Jobs", "/jobs"),
    Screen("Events", "/events"),
    Screen("Dead letters", "/dead"),
    Screen("Schedules", "/schedules"),
    Screen("Workers", "/workers"),
    Screen("Redrives", "/bulk"),
    Screen("Send", "/send", Right.SEND),
    Screen("Audit", "/audit"),
)
"""The navigation."""
_AREAS = (now, queue, jobs, job, events, dead, schedules, workers, audit, mail, guide, live)
_ACTIONS = (bulks, export, letter_actions, edited, queues, schedule_actions, cancelling, send)
_FOREVER = "public, max-age=31536000, immutable"


def screens_of(settings: ConsoleSettings) -> tuple[Screen, ...]:
    """Return the navigation of a console; mail is a part of it where it is caught."""
    return SCREENS if settings.console_mail_folder is None else (*SCREENS, mail.SCREEN)


def routes(console: ConsoleContext) -> list[Route]:
    """Return every route of the console: what each needs stands in it."""
    pages = [route for area in (*_AREAS, *_ACTIONS) for route in area.ROUTES]
    return [*pages, *SignIn(console).routes(), Route("GET", "/static/{name}", _static, None)]


def build_app(console: ConsoleContext) -> ASGIApp:
    """Return the ASGI application."""
    address = OwnAddress(console.settings)
    by_path: dict[str, list[Route]] = {}
    for route in routes(console):
        by_path.setdefault(route.path, []).append(route)
    doors = [StarletteRoute(path, Door(group, console, address)) for path, group in by_path.items()]
    nothing = Door([Route(method, "", _nothing, None) for method in ("GET", "POST")], console, address)
    return _WithoutPrefix(Router(doors, redirect_slashes=False, default=nothing), console.settings.prefix)


class _WithoutPrefix:
    """Takes off the path under which a proxy reaches the console; a proxy may have taken it off already."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            scope = {**scope, "path": path.removeprefix(self._prefix) or "/"}
        await self._app(scope, receive, send)


async def _static(visit: Visit) -> Response:
    asset = assets().get(visit.path["name"])
    if asset is None:
        raise Refused(404, "There is no such file.")
    zipped = "gzip" in visit.request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if zipped else {})
    return Response(asset.compressed if zipped else asset.content, headers=headers, media_type=asset.media_type)


async def _nothing(visit: Visit) -> Response:
    del visit
    raise Refused(404, "The address may have been mistyped, or be of another version of the console.")
