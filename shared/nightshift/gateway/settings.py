"""The settings of the gateway."""

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from nightshift.config.env_fields import Pattern
from nightshift.config.networks import network_problems
from nightshift.config.settings import ServerSettings
from nightshift.contract.catalogue import Catalogue, load_catalogue
from nightshift.gateway.auth.principal import scope_problems
from nightshift.topology.producers import offered_types

TOKEN_ALGORITHMS = frozenset({"EdDSA", "Ed25519", "ES256", "RS256"})
NEVER = frozenset({"webhook.received"})
"""Job types that only the gateway itself publishes, once it has verified what they carry."""


class GatewaySettings(ServerSettings, frozen=True, kw_only=True):
    """Where the gateway listens, what may be enqueued through it, and the limits of a request."""

    gateway_host: Annotated[str, Meta(description="Address that the gateway listens on.")] = "127.0.0.1"
    gateway_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port that the gateway listens on; 0 takes a free one.")
    ] = 8080
    gateway_tls_cert_file: Annotated[
        Path | None, Meta(description="Certificate chain (PEM) to serve HTTPS with; usually a proxy does.")
    ] = None
    gateway_tls_key_file: Annotated[Path | None, Meta(description="Private key of that certificate (PEM).")] = None
    gateway_jobs: Annotated[
        tuple[str, ...],
        Meta(
            description="Job types that may be enqueued over HTTP: names or patterns, such as email.send,report.*. "
            "Internal ones never may. The broker's users are made with the same (python -m deploy.credentials)."
        ),
    ] = ()
    gateway_cors_origins: Annotated[
        tuple[str, ...],
        Meta(description="Origins whose pages may use the gateway from a browser, such as https://app.example.com."),
    ] = ()
    gateway_webhooks: Annotated[
        Path | None,
        Meta(
            description="File of the providers whose webhooks are accepted, and where their secrets are (TOML). Unset: "
            "none. It is read anew when it changes."
        ),
    ] = None
    gateway_trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses or networks of the proxies whose X-Forwarded-For is believed."),
    ] = ()
    gateway_max_body_bytes: Annotated[
        int, Meta(ge=1024, le=64 * 1024 * 1024, description="A longer body of a job, or of a batch, is refused.")
    ] = 8 * 1024 * 1024
    gateway_connections: Annotated[int, Meta(ge=1, description="Connections at the same time.")] = 1000
    gateway_requests_per_second: Annotated[
        float,
        Meta(gt=0, description="Requests (and jobs of batches) per second of a key that has no rate of its own."),
    ] = 1000
    gateway_drain_seconds: Annotated[
        float, Meta(ge=0, description="How long requests in hand may still take after SIGTERM.")
    ] = 25
    gateway_event_streams: Annotated[
        int,
        Meta(ge=1, description="Clients that wait for a job or a file at the same time: event streams and long polls."),
    ] = 500
    gateway_token_jwks_url: Annotated[
        str | None,
        Pattern(r"https?://[^\s/]+/\S*", "https://id.example.com/.well-known/jwks.json"),
        Meta(description="Public keys of an identity provider; switches bearer tokens (JWT) on."),
    ] = None
    gateway_token_issuer: Annotated[str | None, Meta(description="The `iss` that its tokens have.")] = None
    gateway_token_audience: Annotated[str | None, Meta(description="The `aud` that its tokens have.")] = None
    gateway_token_algorithms: Annotated[
        tuple[str, ...], Meta(description="Signature algorithms that are accepted: EdDSA (Ed25519), ES256, RS256.")
    ] = ("EdDSA", "ES256", "RS256")
    gateway_token_scopes: Annotated[
        tuple[str, ...],
        Meta(description="What the bearer of a token may do, for the user that its `sub` names."),
    ] = ("files:read", "files:write", "jobs:read")

    def offered_jobs(self, catalogue: Catalogue) -> list[str]:
        """Return the job types that may be enqueued over HTTP."""
        return [name for name in offered_types(self.gateway_jobs, catalogue) if name not in NEVER]

    def check(self) -> Iterable[str]:
        """Yield what is wrong with job types, origins, proxies, and settings that belong together."""
        yield from super().check()
        yield from _jobs_problems(self.gateway_jobs, load_catalogue(self.contracts_package))
        yield from _origin_problems(self.gateway_cors_origins)
        yield from network_problems("GATEWAY_TRUSTED_PROXIES", self.gateway_trusted_proxies)
        yield from _token_problems(self)
        if (self.gateway_tls_cert_file is None) != (self.gateway_tls_key_file is None):
            yield "GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE belong together: set both, or none"
        elif self.gateway_tls_cert_file is not None:
            yield from _certificate_problems(self.gateway_tls_cert_file, self.gateway_tls_key_file)


def _jobs_problems(patterns: tuple[str, ...], catalogue: Catalogue) -> Iterator[str]:
    try:
        offered_types(patterns, catalogue)
    except ValueError as error:
        yield from str(error).splitlines()
    yield from (
        f"GATEWAY_JOBS: {name} is published by the gateway itself, once it has verified an event"
        for name in NEVER.intersection(patterns)
    )


def _certificate_problems(certificate: Path, key: Path | None) -> Iterator[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # ssl's own errors are among them
        why = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else str(error)
        yield f"GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE: {certificate} and {key} cannot be used: {why}"


def _origin_problems(origins: Iterable[str]) -> Iterator[str]:
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            yield (
                f"GATEWAY_CORS_ORIGINS: {origin!r} is no origin: expected scheme and host, "
                "such as https://app.example.com, without a path"
            )


def _token_problems(settings: GatewaySettings) -> Iterator[str]:
    if settings.gateway_token_jwks_url is None:
        return
    for name in ("gateway_token_issuer", "gateway_token_audience"):
        if not getattr(settings, name):
            yield f"{name.upper()} is missing: with GATEWAY_TOKEN_JWKS_URL, tokens of every issuer would be accepted"
    if not settings.gateway_token_algorithms or not TOKEN_ALGORITHMS.issuperset(settings.gateway_token_algorithms):
        yield f"GATEWAY_TOKEN_ALGORITHMS: expected some of {', '.join(sorted(TOKEN_ALGORITHMS))}"
    yield from (f"GATEWAY_TOKEN_SCOPES: {problem}" for problem in scope_problems(settings.gateway_token_scopes))
