"""An identity provider (OpenID Connect): where it is asked to sign somebody in, and what it says of a code."""

import base64
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from nightshift.config.secret import Secret
from nightshift.console.settings import is_loopback
from nightshift.http.signed_tokens import SignedTokens
from nightshift.http.token_keys import FRESH_SECONDS, TokenKeys, fetch_document, fetch_from
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.proxies import choose_proxy

ALGORITHMS = ("EdDSA", "Ed25519", "ES256", "RS256")
"""Those by which only the provider can sign; never one with a shared secret, and never none."""
_SECONDS = 5.0
_LONGEST_ANSWER = 1024 * 1024
_log = get_logger("console")


class Client(NamedTuple):
    """What the console is at the provider."""

    issuer: str
    client_id: str
    secret: Secret | None
    redirect_uri: str


class _Document(msgspec.Struct, frozen=True):
    """What a provider publishes of itself (OpenID Connect Discovery 1.0, §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Answer(msgspec.Struct, frozen=True):
    """What the token endpoint answers."""

    id_token: str


class Provider:
    """Asks one provider. What it publishes is read when it is needed, and kept for an hour."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._known: _Known | None = None

    async def authorization_endpoint(self) -> str:
        """Return where people are sent.

        Raises:
            Unavailable: the provider cannot be asked, or says what cannot be believed.
        """
        return (await self._current()).document.authorization_endpoint

    async def claims_of(self, code: str, verifier: str) -> Mapping[str, Any] | None:
        """Return what the provider says of the person who came back with a code; None if it confirms nobody.

        Raises:
            Unavailable: the provider cannot be asked.
        """
        known = await self._current()
        token = await self._redeemed(known.document, code, verifier)
        claims = await known.tokens.claims_of(token) if token is not None else None
        return claims if claims is not None and self._is_for_us(claims) else None

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        """Check whom a token of several audiences was made for (OpenID Connect Core 1.0, §3.1.3.7)."""
        audience, party = claims.get("aud"), claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        return party == self.client.client_id if several or party is not None else True

    async def _redeemed(self, document: _Document, code: str, verifier: str) -> str | None:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if self.client.secret is None:
            form["client_id"] = self.client.client_id
        elif "client_secret_basic" in document.token_endpoint_auth_methods_supported:
            headers["Authorization"] = _basic(self.client.client_id, self.client.secret)
        else:
            form |= {"client_id": self.client.client_id, "client_secret": self.client.secret.reveal()}
        try:
            outward = httpx.AsyncClient(
                timeout=_SECONDS,
                trust_env=False,  # its reading of the proxy variables fails on some that others understand
                verify=httpx.create_ssl_context(),
                proxy=choose_proxy(document.token_endpoint, os.environ).url,
            )
            async with outward as http:
                answer = await http.post(document.token_endpoint, data=form, headers=headers)
        except httpx.HTTPError as error:
            raise _away(error) from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _away(f"it answered {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content[:_LONGEST_ANSWER], type=_Answer).id_token
        except (msgspec.DecodeError, UnicodeDecodeError):
            _log.warning("code_refused", f"the identity provider did not take a code: {answer.status_code}")
            return None

    async def _current(self) -> "_Known":
        known = self._known
        if known is None or known.is_old:
            try:
                self._known = known = _Known(self.client, await self._document(), known)
            except Unavailable:
                if known is None:
                    raise
        return known

    async def _document(self) -> _Document:
        url = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            document = msgspec.json.decode(await fetch_document(url), type=_Document)
        except (httpx.HTTPError, ValueError) as error:  # msgspec's error is a ValueError
            raise _away(error) from None
        wrong = [where for where in document.__struct_fields__[1:4] if not _is_safe(getattr(document, where))]
        if document.issuer != self.client.issuer or wrong:
            raise _away(f"{url} is of another issuer, or names an address without https")
        return document


class _Known:
    """What a provider published, with the keys that it points to."""

    def __init__(self, client: Client, document: _Document, before: "_Known | None") -> None:
        self.document, self._until = document, time.monotonic() + FRESH_SECONDS
        if before is not None and before.document.jwks_uri == document.jwks_uri:
            self.tokens: SignedTokens = before.tokens
        else:
            keys = TokenKeys(fetch_from(document.jwks_uri))
            self.tokens = SignedTokens(client.issuer, client.client_id, ALGORITHMS, keys)

    @property
    def is_old(self) -> bool:
        """Whether it may have changed since."""
        return time.monotonic() >= self._until


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _basic(client_id: str, secret: Secret) -> str:
    """Return the header of a client that has a secret (RFC 6749, §2.3.1: both parts are encoded first)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _away(why: object) -> Unavailable:
    _log.error("provider_away", f"the identity provider cannot be asked: {why}")
    return Unavailable("identity provider", "it cannot be asked who somebody is")
