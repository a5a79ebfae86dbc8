"""Tokens (JWT) that an identity provider has signed: verified by its public keys, issuer, audience and time."""

import base64
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from nightshift.http.token_keys import TokenKeys

_LEEWAY_SECONDS = 30
_LONGEST_TOKEN = 16 * 1024
_ODD = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class SignedTokens:
    """Tells what a token claims, if it may be believed."""

    def __init__(self, issuer: str, audience: str, algorithms: tuple[str, ...], keys: TokenKeys) -> None:
        self._algorithms, self._keys = algorithms, keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def claims_of(self, token: str) -> Mapping[str, Any] | None:
        """Return the claims of a token; None if it is not valid (any more).

        Raises:
            Unavailable: the provider's keys are needed and cannot be fetched.
        """
        header = _header(token) if len(token) <= _LONGEST_TOKEN else None
        if header is None or header.get("alg") not in self._algorithms:
            return None
        kid = header.get("kid")
        keys = await self._keys.having(kid if isinstance(kid, str) else None)
        try:
            return self._decoded(token, keys)
        except _ODD:  # a token is not valid, whatever is odd about it
            return None

    def _decoded(self, token: str, keys: KeySet) -> Mapping[str, Any]:
        with warnings.catch_warnings():
            # RFC 9864 gives the algorithm a better name; providers go on using the old one.
            warnings.simplefilter("ignore", SecurityWarning)
            claims = jwt.decode(token, keys, algorithms=list(self._algorithms)).claims
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
