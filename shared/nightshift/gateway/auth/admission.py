"""Admission: who calls, by an API key or a token, and whether their rate leaves room."""

from typing import TYPE_CHECKING

from starlette.requests import Request

from nightshift.gateway.auth.api_keys import ApiKeys
from nightshift.gateway.auth.key_text import PREFIX
from nightshift.gateway.auth.principal import Principal
from nightshift.gateway.auth.rate_limit import RateLimiter
from nightshift.gateway.problems import Problem
from nightshift.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from nightshift.gateway.auth.bearer import BearerTokens

BURST_SECONDS = 2.0
"""A bucket holds what comes in so long, where a key says nothing else."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="nightshift"'}


class Admission:
    """Lets in who may call."""

    def __init__(
        self, keys: ApiKeys, tokens: "BearerTokens | None", rates: RateLimiter, *, default_rate: float
    ) -> None:
        self._keys, self._tokens, self._rates, self._default_rate = keys, tokens, rates, default_rate

    async def __call__(self, request: Request) -> Principal:
        """Return who calls, and take one token from their bucket.

        Raises:
            Problem: `unauthorized`, or `too-many-requests`.
            Unavailable: what is needed to tell is away.
        """
        principal = await self._principal_of(request.headers.get("authorization", ""))
        if principal is None:
            raise Problem("unauthorized", headers=_CHALLENGE)
        self.charge(principal, 1)
        return principal

    def charge(self, principal: Principal, tokens: int) -> None:
        """Take tokens from a caller's bucket.

        Raises:
            Problem: `too-many-requests`.
        """
        rate = principal.limits.requests_per_second or self._default_rate
        burst = max(1.0, principal.limits.burst or rate * BURST_SECONDS)
        wait = self._rates.take(principal.key_id, rate, burst, tokens=tokens)
        if wait:
            raise Problem("too-many-requests", f"The rate is {rate:g} a second.", retry_after=wait)

    async def _principal_of(self, header: str) -> Principal | None:
        scheme, _, credentials = header.partition(" ")
        credentials = credentials.strip()
        if scheme.lower() != "bearer" or not credentials:
            return None
        if credentials.startswith(PREFIX):
            return await self._keys.principal_of(credentials)
        return await self._tokens.principal_of(credentials) if self._tokens else None


def admission(settings: GatewaySettings, keys: ApiKeys) -> Admission:
    """Return the admission that the settings describe."""
    tokens = None if settings.gateway_token_jwks_url is None else _tokens(settings, settings.gateway_token_jwks_url)
    return Admission(keys, tokens, RateLimiter(), default_rate=settings.gateway_requests_per_second)


def _tokens(settings: GatewaySettings, url: str) -> "BearerTokens":
    # Their cryptography takes long to load, and most gateways have keys of their own alone.
    from nightshift.gateway.auth.bearer import BearerTokens, TokenRules  # noqa: PLC0415
    from nightshift.http.token_keys import TokenKeys, fetch_from  # noqa: PLC0415

    rules = TokenRules(
        settings.gateway_token_issuer or "",
        settings.gateway_token_audience or "",
        settings.gateway_token_algorithms,
        settings.gateway_token_scopes,
    )
    return BearerTokens(rules, TokenKeys(fetch_from(url)))
