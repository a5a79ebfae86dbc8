"""Bearer tokens (JWT) of an identity provider; the user is the one that `sub` names."""

import base64
import hashlib
import warnings
from typing import Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from services.gateway.auth.principal import Principal
from services.gateway.auth.token_keys import TokenKeys

_LEEWAY_SECONDS = 30
_LONGEST_TOKEN = 16 * 1024
_ODD = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class TokenRules(NamedTuple):
    """What a token must say."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...]
    """What its bearer may do."""


class BearerTokens:
    """Tells whose token it is, by the provider's public keys."""

    def __init__(self, rules: TokenRules, keys: TokenKeys) -> None:
        self._rules, self._keys = rules, keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": rules.issuer},
            aud={"essential": True, "value": rules.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def principal_of(self, token: str) -> Principal | None:
        """Return the user of a token; None if it is not valid (any more).

        Raises:
            Unavailable: the provider's keys are needed and cannot be fetched.
        """
        header = _header(token) if len(token) <= _LONGEST_TOKEN else None
        if header is None or header.get("alg") not in self._rules.algorithms:
            return None
        kid = header.get("kid")
        keys = await self._keys.having(kid if isinstance(kid, str) else None)
        try:
            claims = self._decoded(token, keys)
        except _ODD:  # a token is not valid, whatever is odd about it
            return None
        user: str = claims["sub"]
        if "\0" in user:  # no database can hold it
            return None
        name = hashlib.sha256(f"{self._rules.issuer} {user}".encode()).hexdigest()[:12]
        return Principal(f"token:{name}", user, self._rules.scopes)

    def _decoded(self, token: str, keys: KeySet) -> dict[str, Any]:
        with warnings.catch_warnings():
            # RFC 9864 gives the algorithm a better name; providers go on using the old one.
            warnings.simplefilter("ignore", SecurityWarning)
            claims = jwt.decode(token, keys, algorithms=list(self._rules.algorithms)).claims
        self._claims.validate(claims)
        return claims


def _header(token: str) -> dict[str, Any] | None:
    """Return the header of a token, which nobody has verified yet; None if there is none."""
    head = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    return header if isinstance(header, dict) else None
