"""An identity provider for tests: a real HTTP server with OpenID Connect's code flow, which signs with real keys.

It refuses what the standard has it refuse: another client, secret, redirect or verifier, and a code that was used.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from tests.harness import eventually
from tests.integration.services.email.certificates import Certificates

CLIENT, SECRET = "nightshift", "of the console & no other"


def new_key(kid: str) -> ECKey:
    """A key that signs."""
    return ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"})


@dataclass
class IdentityProvider:
    """What it does next is what these say."""

    url: str
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "17", "preferred_username": "grace"})
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims that are other than they should be; None leaves one out."""
    answer: dict[str, str] = field(default_factory=dict)
    """Parameters of the way back that are other than they should be."""
    document: dict[str, Any] = field(default_factory=dict)
    first: ECKey = field(default_factory=lambda: new_key("first"))
    signs: ECKey | None = None
    """The key that signs, if it is not the first any more."""
    publishes: list[ECKey] | None = None
    methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    status: int = 200
    """Of the token endpoint."""
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin_anew(self) -> None:
        """Be as it should be again; its first key stays."""
        fresh = IdentityProvider(self.url, first=self.first)
        for name in ("signs", "person", "claims", "answer", "document", "publishes", "methods", "status", "asked"):
            setattr(self, name, getattr(fresh, name))
        self.person["groups"] = ["everyone", "staff", "on-call"]

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]

    @property
    def _key(self) -> ECKey:
        return self.first if self.signs is None else self.signs

    async def _discovery(self, _request: Request) -> Response:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": self.methods,
        }
        return JSONResponse(document | self.document)

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.url} | self.answer
        given = {name: value for name, value in answer.items() if value}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(given)}", 303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        began = self.codes.pop(form.get("code", ""), None)
        if self.status != 200 or began is None or not self._is_client(request, form):
            return JSONResponse({"error": "invalid_grant"}, self.status if self.status != 200 else 400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        is_right = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == began["code_challenge"]
        if not is_right or form["redirect_uri"] != began["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"token_type": "Bearer", "id_token": self._signed(began["nonce"])})

    async def _keys(self, _request: Request) -> Response:
        keys = [self._key] if self.publishes is None else self.publishes
        return JSONResponse(KeySet(list(keys)).as_dict(private=False))

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        header = request.headers.get("authorization", "").removeprefix("Basic ")
        name, _, secret = base64.b64decode(header).decode().partition(":")
        return (CLIENT, SECRET) in {
            (unquote(name), unquote(secret)),
            (form.get("client_id"), form.get("client_secret")),
        }

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.person
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)


@asynccontextmanager
async def identity_provider(certificates: Certificates | None = None) -> AsyncIterator[IdentityProvider]:
    """Run one on a free port; with certificates for localhost, by HTTPS."""
    (port,) = free_ports(1)
    tls: dict[str, Any] = {}
    if certificates is not None:
        tls = {"ssl_certfile": certificates.certificate, "ssl_keyfile": certificates.key}
    provider = IdentityProvider(f"https://localhost:{port}" if tls else f"http://{LOOPBACK}:{port}")
    app = Starlette(routes=provider.routes())
    config = uvicorn.Config(app, LOOPBACK, port, log_config=None, lifespan="off", **tls)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    try:
        await eventually(lambda: server.started, what="the identity provider listens")
        yield provider
    finally:
        server.should_exit = True
        await running
