"""Bearer tokens (JWT) of an identity provider; the user is the one that `sub` names."""

import hashlib
from typing import NamedTuple

from nightshift.gateway.auth.principal import Principal
from nightshift.http.signed_tokens import SignedTokens
from nightshift.http.token_keys import TokenKeys


class TokenRules(NamedTuple):
    """What a token must say."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...]
    """What its bearer may do."""


class BearerTokens:
    """Tells whose token it is."""

    def __init__(self, rules: TokenRules, keys: TokenKeys) -> None:
        self._rules = rules
        self._tokens = SignedTokens(rules.issuer, rules.audience, rules.algorithms, keys)

    async def principal_of(self, token: str) -> Principal | None:
        """Return the user of a token; None if it is not valid (any more).

        Raises:
            Unavailable: the provider's keys are needed and cannot be fetched.
        """
        claims = await self._tokens.claims_of(token)
        user = claims["sub"] if claims is not None else None
        if not isinstance(user, str) or "\0" in user:  # no database can hold it
            return None
        name = hashlib.sha256(f"{self._rules.issuer} {user}".encode()).hexdigest()[:12]
        return Principal(f"token:{name}", user, self._rules.scopes)
