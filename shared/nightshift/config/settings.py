"""The settings that every service has; a service subclasses `Settings` and adds its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from nightshift.config.datastore_settings import invalid_urls
from nightshift.config.datastore_urls import (
    ACCESS_KEY,
    BUCKET,
    DATABASE,
    ENDPOINT,
    NO_HOST,
    REGION,
    has_host,
)
from nightshift.config.env_fields import Pattern, Variable, describe, variables
from nightshift.config.env_settings import FromEnvironment, SettingsError, load
from nightshift.config.listen_urls import invalid_listen_url
from nightshift.config.object_login import OBJECTS, half_a_login
from nightshift.config.project import Project
from nightshift.config.secret import Secret
from nightshift.config.setting_types import PACKAGE, AppVersion, BulkRemoval, DatabaseSchema, SchemaPackage
from nightshift.config.tls import ca_file_problem, creds_file_problem
from nightshift.contract.loading import problem_with

__all__ = [
    "OBJECTS",
    "BulkRemoval",
    "Pattern",
    "ProcessSettings",
    "SchemaPackage",
    "Secret",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "Variable",
    "contracts_problem",
    "describe",
    "load",
    "variables",
]

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

_NATS_SERVER = r"(?:nats|tls|ws|wss)://[^\s,]+"


class ProcessSettings(FromEnvironment, frozen=True, kw_only=True):
    """The settings of a process that needs only the broker, and can be monitored (the scheduler)."""

    contracts_package: Annotated[
        str,
        Pattern(rf"{PACKAGE}(?:\s*,\s*{PACKAGE})*", "contracts"),
        Meta(
            description="Python package of the contracts, or module that declares services, such as shop.jobs; several "
            "with commas."
        ),
    ] = "contracts"

    nats_url: Annotated[
        str,
        Pattern(rf"{_NATS_SERVER}(?:\s*,\s*{_NATS_SERVER})*", "nats://127.0.0.1:4222 (several with commas)"),
        Meta(description="Address of the broker; several of one cluster with commas."),
    ] = "nats://127.0.0.1:4222"
    nats_user: Annotated[
        str | None, Meta(description="User name at the broker; if only a password is set, the process's own name.")
    ] = None
    nats_password: Annotated[Secret | None, Meta(description="Password at the broker.")] = None
    nats_creds_file: Annotated[
        Path | None, Meta(description="Credentials file (JWT and seed), instead of user and password.")
    ] = None
    nats_ca_file: Annotated[
        Path | None, Meta(description="Certificate authority that signed the broker's certificate (PEM).")
    ] = None
    nats_api_prefix: Annotated[
        str,
        Pattern(r"[$\w-]+(?:\.[$\w-]+)*", "NIGHTSHIFT.API"),
        Meta(description="Subject of JetStream's requests, where the user's account imports them by another name."),
    ] = "$JS.API"

    app_version: AppVersion = ""
    health_host: Annotated[str, Meta(description="Where /healthz, /readyz and /metrics are served.")] = "127.0.0.1"
    health_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of /healthz, /readyz and /metrics; 0 takes a free one.")
    ] = 0
    log_format: Annotated[LogFormat, Meta(description="JSON lines, or readable text; auto is text on a terminal.")] = (
        "auto"
    )
    log_level: Annotated[LogLevel, Meta(description="The least severe level that is logged.")] = "info"

    otel_exporter_otlp_endpoint: Annotated[
        str | None,
        Pattern(r"https?://[^\s/]+(?:/\S*)?", "http://127.0.0.1:4318"),
        Meta(
            description="Collector for traces (OpenTelemetry, OTLP over HTTP); switches tracing on. "
            "The standard's other variables (OTEL_TRACES_SAMPLER, …) count as well."
        ),
    ] = None
    otel_exporter_otlp_headers: Annotated[
        Secret | None, Meta(description="Headers for that collector, such as a key: name=value, several with commas.")
    ] = None

    @property
    def nats_servers(self) -> list[str]:
        """The broker's URLs, one by one."""
        return [server.strip() for server in self.nats_url.split(",")]

    def check(self) -> Iterable[str]:
        """Yield what is wrong with the broker's URL and credentials, and which files do not exist."""
        if not all(has_host(server) for server in self.nats_servers):
            yield f"NATS_URL: {NO_HOST} nats://127.0.0.1:4222"
        if len({server.partition("://")[0] in {"ws", "wss"} for server in self.nats_servers}) > 1:
            yield "NATS_URL: addresses with ws:// or wss:// and others cannot be mixed"
        if self.nats_creds_file and (self.nats_user or self.nats_password):
            yield "NATS_CREDS_FILE and NATS_USER/NATS_PASSWORD are both set: keep one of them"
        elif self.nats_user and not self.nats_password:
            yield "NATS_PASSWORD is missing: NATS_USER and NATS_PASSWORD belong together"
        yield from creds_file_problem("NATS_CREDS_FILE", self.nats_creds_file)
        yield from ca_file_problem("NATS_CA_FILE", self.nats_ca_file)


def contracts_problem(package: str) -> Iterator[str]:
    """Yield what is wrong where the packages of contracts cannot be found, or not be imported."""
    problem = problem_with(package)
    if problem is not None:
        yield f"CONTRACTS_PACKAGE: {problem}{_hint(package) if problem.startswith('there is no') else ''}"


def _hint(package: str) -> str:
    """Say which modules declare services, where none was named."""
    project = Project()
    modules = project.modules_with_services() if package == project.contracts else []
    return f"; or name a module that declares services: CONTRACTS_PACKAGE={','.join(modules)}" if modules else ""


class ServerSettings(ProcessSettings, frozen=True, kw_only=True):
    """The settings of a process that needs a database, too, and perhaps objects, but works off no jobs (a server)."""

    database_url: Annotated[
        Secret,
        DATABASE,
        Meta(description="Address of the database, credentials included."),
    ]
    database_ca_file: Annotated[
        Path | None,
        Meta(
            description="Certificate authority that signed the database's certificate (PEM); turns TLS on, with "
            "certificate and host name verified."
        ),
    ] = None
    database_schema: DatabaseSchema = None
    s3_endpoint: Annotated[
        str | None,
        ENDPOINT,
        Meta(description="Address of the object store, any S3 server; without one no body is longer than 128 KB."),
    ] = None
    s3_access_key: Annotated[str | None, ACCESS_KEY, Meta(description="Access key at the object store.")] = None
    s3_secret_key: Annotated[Secret | None, Meta(description="Secret key at the object store.")] = None
    s3_bucket: Annotated[str, BUCKET, Meta(description="Bucket that holds files and claims.")] = "nightshift"
    s3_region: Annotated[str, REGION, Meta(description="Region that requests are signed for.")] = "us-east-1"
    s3_ca_file: Annotated[
        Path | None,
        Meta(description="Certificate authority that signed the object store's certificate (PEM); for https://."),
    ] = None

    def check(self) -> Iterable[str]:
        """Yield what is wrong with contracts, with the URLs of database and object store, and whom to trust there."""
        yield from super().check()
        yield from contracts_problem(self.contracts_package)
        yield from invalid_urls(self)
        yield from half_a_login(self)


class Settings(ServerSettings, frozen=True, kw_only=True):
    """The settings of a worker: also how many jobs it runs at once, and how it hears of what is enqueued by SQL."""

    outbox_notify: Annotated[
        bool,
        Meta(
            description="PostgreSQL tells the relay of what is enqueued by SQL (NOTIFY). false: the relay looks every "
            "0.2 s; the same for `provision` and all services."
        ),
    ] = True
    database_listen_url: Annotated[
        Secret | None,
        DATABASE,
        Meta(
            description="Address of PostgreSQL itself, where DATABASE_URL leads through a pooler that lends "
            "connections for a transaction: the relay listens there. Unset: it then looks every 0.2 s."
        ),
    ] = None

    slots: Annotated[int, Meta(ge=1, description="Jobs that a worker runs at the same time.")] = 100
    max_retries: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Retries after a failed attempt, of every job type, instead of what its contract says."),
    ] = None
    job_timeout_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="A handler that takes longer is cancelled; a failed attempt. A contract may say less.",
        ),
    ] = 900
    drain_grace_seconds: Annotated[
        float, Meta(ge=0, description="How long jobs in flight may still run after SIGTERM.")
    ] = 25

    def check(self) -> Iterable[str]:
        """Yield what is wrong with the address to listen at, too."""
        yield from super().check()
        yield from invalid_listen_url(self)
