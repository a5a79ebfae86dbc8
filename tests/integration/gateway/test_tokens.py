"""Bearer tokens of an identity provider."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from nightshift.gateway.auth.bearer import BearerTokens, TokenRules
from nightshift.http.token_keys import TokenKeys
from nightshift.outcomes import Unavailable
from tests.integration.gateway.harness import Gateway, gateway, serving_bytes

ISSUER, AUDIENCE = "https://id.example.com/", "nightshift"
KEYS: dict[str, Any] = {
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed", "alg": "EdDSA"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
}
RULES = TokenRules(ISSUER, AUDIENCE, ("EdDSA", "ES256", "RS256"), ("jobs:read",))
PUBLIC = json.dumps(KeySet(list(KEYS.values())).as_dict(private=False)).encode()


class Provider:
    """Counts how often its keys are fetched; `keys` is None while it is away."""

    def __init__(self, keys: bytes | None = PUBLIC) -> None:
        self.keys, self.fetched = keys, 0

    async def __call__(self) -> bytes:
        """Return the keys."""
        self.fetched += 1
        await asyncio.sleep(0)
        if self.keys is None:
            raise ValueError("away")
        return self.keys


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a valid token."""
    valid = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 300}
    return {name: value for name, value in (valid | changes).items() if value is not None}


def token(algorithm: str = "ES256", key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token that this algorithm signs."""
    signing = key or KEYS[algorithm]
    head = {"alg": algorithm, "kid": signing.kid} | (header or {})
    return jwt.encode(head, claims(**changes), signing, algorithms=[algorithm])


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_valid_token_is_its_users(algorithm: str) -> None:
    """With what the setting says that users may do."""
    principal = await BearerTokens(RULES, TokenKeys(Provider())).principal_of(token(algorithm))
    assert principal is not None
    assert (principal.user, principal.scopes) == ("ada", ("jobs:read",))
    assert "ada" not in principal.key_id  # which goes into the log


def _with_secret(secret: bytes) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in _HS256]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return b".".join([signed, signature]).decode()


_HS256 = ({"alg": "HS256", "kid": "rsa"}, claims())
REFUSED: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=int(time.time()) - 60),
    "without an end": lambda: token(exp=None),
    "not yet": lambda: token(nbf=int(time.time()) + 300),
    "of another issuer": lambda: token(iss="https://evil.example.com/"),
    "without an issuer": lambda: token(iss=None),
    "for another audience": lambda: token(aud="other"),
    "without an audience": lambda: token(aud=None),
    "without a user": lambda: token(sub=None),
    "of an empty user": lambda: token(sub=""),
    "of a user who is no text": lambda: token(sub=7),
    "of a user whom no database can hold": lambda: token(sub="a\0b"),
    "signed by somebody else": lambda: token(key=ECKey.generate_key("P-256", {"kid": "ec"})),
    "of an algorithm that is not in the list": lambda: jwt.encode(
        {"alg": "RS512", "kid": "rsa"}, claims(), KEYS["RS256"], algorithms=["RS512"]
    ),
    "signed with the public key as a secret": lambda: _with_secret(KEYS["RS256"].as_pem(private=False)),
    "unsigned": lambda: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    "cut short": lambda: token()[:-5],
    "changed": lambda: token().replace(".", ".e", 1),
    "no token": lambda: "a.b.c",
    "a header that is no object": lambda: "W10.W10.W10",
    "too long": lambda: "a" * 20_000,
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("made", REFUSED.values(), ids=REFUSED)
async def test_a_token_that_is_wrong_in_any_way_is_nobodys(made: Callable[[], str]) -> None:
    """And no exception comes of it."""
    assert await BearerTokens(RULES, TokenKeys(Provider())).principal_of(made()) is None


async def test_the_keys_are_fetched_once_for_many() -> None:
    """However many tokens come at the same time."""
    provider = Provider()
    tokens = BearerTokens(RULES, TokenKeys(provider))
    assert all(await asyncio.gather(*(tokens.principal_of(token()) for _ in range(20))))
    assert provider.fetched == 1


async def test_an_unknown_key_has_them_fetched_anew_at_most_once_a_minute() -> None:
    """A provider that has changed its keys is followed; made-up ids are no load for it."""
    clock, provider, new = Clock(), Provider(), ECKey.generate_key("P-256", {"kid": "new"})
    tokens = BearerTokens(RULES, TokenKeys(provider, clock=clock))
    assert await tokens.principal_of(token()) is not None
    provider.keys = json.dumps(KeySet([new]).as_dict(private=False)).encode()
    for _ in range(5):
        assert await tokens.principal_of(token(key=new)) is None
    assert provider.fetched == 1
    clock.now += 61
    assert await tokens.principal_of(token(key=new)) is not None
    for number in range(5):
        assert await tokens.principal_of(token(header={"kid": f"made-up-{number}"})) is None
    assert provider.fetched == 2


async def test_a_provider_that_is_away_is_told_apart_from_a_wrong_token() -> None:
    """Until its keys were fetched once; then they go on being used."""
    clock, provider = Clock(), Provider(None)
    tokens = BearerTokens(RULES, TokenKeys(provider, clock=clock))
    with pytest.raises(Unavailable, match="identity provider"):
        await tokens.principal_of(token())
    provider.keys = PUBLIC
    clock.now += 3
    assert await tokens.principal_of(token()) is not None
    provider.keys = None
    clock.now += 4000
    assert await tokens.principal_of(token()) is not None


@pytest.fixture(scope="module")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that takes the provider's tokens."""
    async with (
        serving_bytes(PUBLIC) as url,
        gateway(
            tmp_path_factory.mktemp("trusting"),
            gateway_token_jwks_url=f"{url}/jwks.json",
            gateway_token_issuer=ISSUER,
            gateway_token_audience=AUDIENCE,
            gateway_token_scopes="jobs:write:email.*",
        ) as running,
    ):
        yield running


async def test_the_gateway_takes_a_users_token(trusting: Gateway) -> None:
    """The job's id begins with the user; other scopes are refused."""
    headers = {"Authorization": f"Bearer {token()}", "Idempotency-Key": "welcome"}
    mail = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
    answer = await trusting.client.post("/v1/jobs/email.send", json=mail, headers=headers)
    assert (answer.status_code, answer.json()["job"]["id"]) == (202, "user:ada:welcome")
    refused = await trusting.client.post("/v1/jobs/report.generate", json={"reportId": "1"}, headers=headers)
    assert refused.status_code == 403
    expired = {"Authorization": f"Bearer {token(exp=1)}"}
    assert (await trusting.client.post("/v1/jobs/email.send", json=mail, headers=expired)).status_code == 401
