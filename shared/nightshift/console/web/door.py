"""The door that every request passes: address, person, right, origin, form token; and what goes wrong as a page."""

import contextlib
import hmac
import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from nightshift.broker import BrokerRefusedError, NotPermittedError
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.sign_in.person import Person
from nightshift.console.web.forms import read_form
from nightshift.console.web.pages import CONTENT_SECURITY_POLICY, page
from nightshift.console.web.refused import Refused
from nightshift.console.web.same_origin import OwnAddress
from nightshift.console.web.visit import Route, Visit
from nightshift.messaging.audit import NotRecordedError
from nightshift.observability.log import get_logger, request_line
from nightshift.outcomes import Unavailable

if TYPE_CHECKING:
    from nightshift.console.context import ConsoleContext

_CLIENT_GONE = 499
KEPT = "kept"
"""The parameter that names a form which is filled in again."""
_log = get_logger("console")
_PROCESS, _numbers = secrets.token_hex(4), itertools.count(1)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer."""


class Door:
    """An ASGI application for one path."""

    def __init__(self, routes: Sequence[Route], console: "ConsoleContext", address: OwnAddress) -> None:
        self._console, self._address = console, address
        self._path = routes[0].path
        self._routes: Mapping[str, Route] = {route.method: route for route in routes}
        self._methods = sorted({*self._routes, *(["HEAD"] if "GET" in self._routes else [])})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write its line."""
        began, request = time.perf_counter(), Request(scope, receive)
        visit = Visit(request, self._console, None, f"{_PROCESS}{next(_numbers):08x}", self._console.changes.version)
        status = _CLIENT_GONE
        try:
            response = await self._guarded(visit)
            status = response.status_code
            if self._address.is_https:
                response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            for name, value in {**HEADERS, "X-Request-Id": visit.request_id}.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "no-store")
            await response(scope, receive, send)
        except ClientDisconnect:
            status = _CLIENT_GONE
        except (Unavailable, BrokerRefusedError, CommandError) as error:
            _log.warning("answer_cut_off", f"A file was not sent to its end: {error}", request_id=visit.request_id)
        finally:
            request_line(
                method=request.method,
                route=self._path,
                status=status,
                bytes_in=0,
                bytes_out=0,
                duration_ms=(time.perf_counter() - began) * 1000,
                key=visit.person.name if visit.person else "",
                request_id=visit.request_id,
            )

    async def _guarded(self, visit: Visit) -> Response:
        try:
            return await self._answer(visit)
        except ClientDisconnect:
            raise
        except NotRecordedError as error:
            may_insist = error.may_insist
            return page(visit, "unrecorded.html.j2", status=503, refused=str(error), may_insist=may_insist)
        except Exception as error:  # noqa: BLE001 - nobody is shown a traceback
            refused = refused_by(error, visit.request_id)
            response = page(visit, "refused.html.j2", status=refused.status, refused=refused)
            response.headers.update(refused.headers)
            return response

    async def _answer(self, visit: Visit) -> Response:
        request = visit.request
        if not self._address.is_addressed(request):
            raise Refused(421, "Set CONSOLE_URL to the address by which you reach it.")
        method = "GET" if request.method == "HEAD" else request.method
        visit.person = self._console.person_of(request)
        route = self._routes.get(method)
        if route is None:
            allowed = ", ".join(self._methods)
            raise Refused(405, f"This address takes {allowed or 'nothing'}.", headers={"Allow": allowed})
        if method != "GET" and not self._address.is_from_here(request):
            raise Refused(403, "This did not come from a page of the console. Open it from here, and try again.")
        if route.right is not None:
            if visit.person is None:
                return await self._to_sign_in(visit, route)
            if not visit.person.may(route.right):
                raise Refused(403, f"{visit.person.name} is {visit.person.role}, which lacks the right {route.right}.")
            self._console.sampler.watch()
        if method != "GET":
            visit.form = await read_form(request)
            _check_token(visit.person, visit.form)
            answer = await route.handler(visit)
            if visit.person is not None:
                self._console.look_anew()
            return answer
        if KEPT in visit.query:
            visit.form = self._console.kept_forms.take(visit.query[KEPT])
        return await route.handler(visit)

    async def _to_sign_in(self, visit: Visit, route: Route) -> Response:
        """Ask a person who has not signed in to do so, and lead back to where they wanted to go.

        The page that asks before something is done has the same address as what does it: what was filled in stands
        there again. What has no such page leads to the page above it.
        """
        query = visit.request.scope["query_string"].decode("latin-1")
        wanted = visit.here
        if route.method != "GET" and "GET" not in self._routes:
            wanted, query = wanted.rpartition("/")[0], ""
        elif route.method != "GET" and self._console.cookie in visit.request.cookies:  # the session has ended
            with contextlib.suppress(Refused):
                kept = self._console.kept_forms.keep(await read_form(visit.request))
                query = f"{query}&{KEPT}={kept}" if query else f"{KEPT}={kept}"
        wanted += f"?{query}" if query else ""
        next_page = f"?next={quote(wanted, safe='')}" if wanted not in {"", "/"} else ""
        return RedirectResponse(visit.url("/sign-in") + next_page, 303)


def _check_token(person: Person | None, form: Mapping[str, str]) -> None:
    if person is not None and not hmac.compare_digest(form.get("token", "").encode(), person.token.encode()):
        raise Refused(403, "The form is of another session. Go back, reload the page, and try again.")


def refused_by(error: Exception, request_id: str) -> Refused:
    """Return what an error is to the person; what is nobody's mistake but ours is logged."""
    match error:
        case Refused():
            return error
        case Unavailable():
            return Refused(503, f"{error}. Nothing is lost: reload the page in a moment.", headers={"Retry-After": "2"})
        case NotPermittedError():
            return Refused(403, f"The broker does not let this console do that: {error}")
        case CommandError() | BrokerRefusedError():
            return Refused(503, f"{error}.")
        case _:
            _log.exception("request_failed", "A request has failed", request_id=request_id)
            return Refused(500, "The log of the console says more.")
