"""Signing in at an identity provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, §3.1).

What a sign-in began with stays in this process, and belongs to the browser that has its cookie: a link that
somebody else has prepared signs in nobody.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from nightshift.cli.terminal.formatting import brief
from nightshift.console.rights import highest_role, roles_of_groups
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.provider import Client, Provider
from nightshift.console.sign_in.routes import CALLBACK
from nightshift.console.sign_in.users_file import User
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Visit
from nightshift.observability.log import get_logger

_PATIENCE_SECONDS = 600.0
_MOST = 1_000
_LONGEST_NAME = 200
_log = get_logger("console")


@dataclass(slots=True, frozen=True)
class _Begun:
    """A sign-in that was begun."""

    browser: str
    nonce: str
    verifier: str
    wanted: str
    until: float


class OidcSignIn:
    """Sends people to the provider, and reads with whom it sends them back."""

    def __init__(self, settings: ConsoleSettings, url: str) -> None:
        issuer, secret = settings.console_oidc_issuer or "", settings.console_oidc_client_secret
        self._provider = Provider(Client(issuer, settings.console_oidc_client_id, secret, url + CALLBACK))
        self._settings, self._roles = settings, roles_of_groups(settings.console_oidc_roles)
        self._begun: dict[str, _Begun] = {}
        self._cookie = "__Host-console-oidc" if url.startswith("https://") else f"oidc_{urlsplit(url).port}"

    async def begin(self, visit: Visit, wanted: str) -> Response:
        """Send the browser to the provider.

        Raises:
            Unavailable: the provider cannot be asked.
        """
        endpoint = await self._provider.authorization_endpoint()
        browser = visit.request.cookies.get(self._cookie) or secrets.token_urlsafe(24)
        state, begun = secrets.token_urlsafe(24), _begun(browser, wanted)
        self._remember(state, begun)
        query = {
            "response_type": "code",
            "client_id": self._provider.client.client_id,
            "redirect_uri": self._provider.client.redirect_uri,
            "scope": " ".join(("openid", *self._settings.console_oidc_scopes)),
            "state": state,
            "nonce": begun.nonce,
            "code_challenge": _challenge(begun.verifier),
            "code_challenge_method": "S256",
        }
        response = RedirectResponse(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", 303)
        secure = self._cookie.startswith("__Host-")
        response.set_cookie(
            self._cookie,
            browser,
            max_age=int(_PATIENCE_SECONDS),
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def end(self, visit: Visit) -> tuple[User, str]:
        """Return who comes back from the provider, and where they wanted to go.

        Raises:
            Refused: nobody has to be believed.
            Unavailable: the provider cannot be asked.
        """
        query = visit.query
        begun = self._begun.pop(query.get("state", ""), None)
        browser = visit.request.cookies.get(self._cookie, "")
        if begun is None or begun.until < time.monotonic() or not _is_equal(browser, begun.browser):
            raise Refused(403, "This sign-in was not begun in this browser, or is too old. Begin again.")
        if query.get("iss", self._provider.client.issuer) != self._provider.client.issuer:
            raise Refused(403, "This answer is of another identity provider.")
        if "code" not in query:
            said = brief(query.get("error_description") or query.get("error") or "nothing", 200)
            raise Refused(403, f"The identity provider has signed in nobody. It says: {said}")
        claims = await self._provider.claims_of(query["code"], begun.verifier)
        if claims is None or not _is_equal(claims.get("nonce"), begun.nonce):
            _log.warning("sign_in_failed", "somebody did not sign in: the identity provider's token was not valid")
            raise Refused(403, "The identity provider's answer cannot be believed. Begin again.")
        return self._person(claims), begun.wanted

    def _person(self, claims: Mapping[str, Any]) -> User:
        name = claims.get(self._settings.console_oidc_name_claim) or claims["sub"]
        if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise Refused(403, "The identity provider names nobody who could be shown.")
        told = claims.get(self._settings.console_oidc_groups_claim)
        groups = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        role = highest_role((group for group in groups if isinstance(group, str) and group != "*"), self._roles)
        if role is None:
            raise Refused(403, f"{name} is in no group that may use this console (CONSOLE_OIDC_ROLES).")
        return User(name, role)

    def _remember(self, state: str, begun: _Begun) -> None:
        now = time.monotonic()
        if len(self._begun) >= _MOST:
            self._begun = {key: one for key, one in self._begun.items() if one.until > now}
        while len(self._begun) >= _MOST:
            self._begun.pop(next(iter(self._begun)))
        self._begun[state] = begun


def _begun(browser: str, wanted: str) -> _Begun:
    until = time.monotonic() + _PATIENCE_SECONDS
    return _Begun(browser, secrets.token_urlsafe(24), secrets.token_urlsafe(48), wanted, until)


def _challenge(verifier: str) -> str:
    """Return what is told of a verifier before it is shown (RFC 7636, §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _is_equal(told: object, known: str) -> bool:
    return isinstance(told, str) and hmac.compare_digest(told.encode("utf-8", "surrogatepass"), known.encode())
