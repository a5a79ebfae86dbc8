"""Signing in and out."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from nightshift.console.context import ConsoleContext
from nightshift.console.rights import Right
from nightshift.console.sign_in.passwords import verify_password
from nightshift.console.sign_in.sessions import LINK_USER
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.observability.log import get_logger

if TYPE_CHECKING:
    from nightshift.console.sign_in.oidc import OidcSignIn

CALLBACK = "/sign-in/oidc/callback"
"""Where the identity provider sends people back to."""
_AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 32 MiB."""
_log = get_logger("console")


class SignIn:
    """The routes of signing in, by password or by link."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._checking = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("GET", "/sign-in", self.form, None),
            Route("POST", "/sign-in", self.by_password, None),
            Route("POST", "/sign-in/link", self.by_link, None),
            Route("GET", "/sign-in/oidc", self.to_provider, None),
            Route("GET", CALLBACK, self.from_provider, None),
            Route("POST", "/sign-out", self.out, Right.LOOK),
        )

    async def form(self, visit: Visit) -> Response:
        """Show the form; with a link, a button that uses it, since opening an address changes nothing."""
        wanted, link = visit.query.get("next", ""), visit.query.get("link", "")
        if visit.person is not None and not link:
            return RedirectResponse(visit.url(_own(wanted) or "/"), 303)
        return self._page(visit, wanted, link=link)

    async def by_password(self, visit: Visit) -> Response:
        """Sign in by name and password."""
        console, form = self._console, visit.form
        name, wanted = form.get("name", "").strip(), form.get("next", "")
        keys = (f"name {name[:64]}", f"address {console.address_of(visit.request)}")
        wait = console.throttle.wait_seconds(*keys)
        if wait:
            seconds = max(1, round(wait))
            raise Refused(429, f"Wait {seconds} seconds, then try again.", headers={"Retry-After": str(seconds)})
        user = console.users.find(name)
        async with self._checking:
            known = await asyncio.to_thread(verify_password, form.get("password", ""), user.password if user else "")
        if user is None or not known:
            console.throttle.failed(*keys)
            _log.warning("sign_in_failed", "somebody did not sign in: wrong name or password")
            return self._page(visit, wanted, error="Name or password are wrong.", status=403)
        console.throttle.succeeded(*keys)
        return self._let_in(visit, console.sessions.begin(user), wanted)

    async def by_link(self, visit: Visit) -> Response:
        """Sign in by the one-time link."""
        link, address = self._console.link, f"address {self._console.address_of(visit.request)}"
        if self._console.throttle.wait_seconds(address):
            raise Refused(429, "Wait a few minutes, then try again.")
        if link is None or not link.use(visit.form.get("link", "")):
            self._console.throttle.failed(address)
            return self._page(visit, "", error="This link was used before, or never was one.", status=403)
        return self._let_in(visit, self._console.sessions.begin(LINK_USER, of_file=False), visit.form.get("next", ""))

    async def to_provider(self, visit: Visit) -> Response:
        """Send somebody to the identity provider. A link and no form: no page may send its forms to another host."""
        return await self._oidc.begin(visit, _own(visit.query.get("next", "")))

    async def from_provider(self, visit: Visit) -> Response:
        """Sign in whom the identity provider sends back; it is asked anew when the session is as old as an idle one."""
        user, wanted = await self._oidc.end(visit)
        seconds = self._console.settings.console_session_hours * 3600
        return self._let_in(visit, self._console.sessions.begin(user, of_file=False, most_seconds=seconds), wanted)

    @property
    def _oidc(self) -> "OidcSignIn":
        if self._console.oidc is None:
            raise Refused(404, "People sign in to this console by other ways.")
        return self._console.oidc

    async def out(self, visit: Visit) -> Response:
        """Sign out."""
        self._console.sessions.end(visit.request.cookies.get(self._console.cookie, ""))
        response = RedirectResponse(visit.url("/sign-in"), 303)
        response.delete_cookie(self._console.cookie, path="/")
        return response

    def _page(self, visit: Visit, wanted: str, *, error: str = "", link: str = "", status: int = 200) -> Response:
        console = self._console
        return page(
            visit,
            "sign_in.html.j2",
            status=status,
            next=_own(wanted),
            error=error,
            link=link,
            by_password=console.users.names_anybody,
            nobody=console.settings.console_users_file is not None and not console.users.names_anybody,
            by_link=console.link is not None,
            by_proxy=console.proxy is not None,
            by_oidc=console.oidc is not None,
        )

    def _let_in(self, visit: Visit, secret: str, wanted: str) -> Response:
        self._console.sessions.end(visit.request.cookies.get(self._console.cookie, ""))  # the one of before
        response = RedirectResponse(visit.url(_own(wanted) or "/"), 303)
        secure = self._console.cookie.startswith("__Host-")
        response.set_cookie(self._console.cookie, secret, path="/", secure=secure, httponly=True, samesite="lax")
        return response


def _own(wanted: str) -> str:
    """Return a path within the console that somebody wanted to see; empty for an address elsewhere."""
    parts = urlsplit(wanted) if wanted.isprintable() else urlsplit("")
    safe = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and not parts.netloc
    return wanted if safe else ""
