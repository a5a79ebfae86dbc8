"""Whether the addresses of database and object store can be used, before anything is opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from nightshift.config.env_fields import Pattern
from nightshift.config.secret import Secret
from nightshift.config.tls import ca_file_problem

DATABASE = Pattern(
    r"(?:postgres(?:ql)?|sqlite)(?:\+\w+)?://.+", "postgresql://user:password@host/name or sqlite:///path"
)
ENDPOINT = Pattern(r"https?://[^\s/]+/?", "http://127.0.0.1:8333")
BUCKET = Pattern(
    r"(?!.*(?:\.\.|\.-|-\.))(?![0-9]+(?:\.[0-9]+){3}\Z)(?!.*(?:-s3alias|--ol-s3)\Z)"
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]",
    "nightshift",
)
REGION = Pattern(r"(?![_-])[A-Za-z0-9_-]{1,63}(?<![_-])", "us-east-1")
ACCESS_KEY = Pattern(r"[!-~]+", "AKIAIOSFODNN7EXAMPLE")

NO_HOST = "no host and port can be read from it, expected something like"


def has_host(address: str) -> bool:
    """Says whether an address names a host, and a port that can be one or none."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class StoreAddresses(Protocol):
    """The settings that say where both are; the operator's command line may know neither."""

    @property
    def database_url(self) -> Secret | None: ...  # noqa: D102 - a setting
    @property
    def database_ca_file(self) -> Path | None: ...  # noqa: D102
    @property
    def s3_endpoint(self) -> str | None: ...  # noqa: D102
    @property
    def s3_ca_file(self) -> Path | None: ...  # noqa: D102


def database_url(settings: StoreAddresses) -> str | None:
    """Returns the database's address with the authority to trust in it, as `open_database` and `migrate` take it.

    Raises:
        ValueError: it is no such address, or it and DATABASE_CA_FILE contradict each other.
    """
    if settings.database_url is None:
        return None
    from nightshift.config import database_url  # noqa: PLC0415 - a process without a database is spared the library

    return database_url.trusting(settings.database_url.reveal(), settings.database_ca_file)


def invalid_urls(settings: StoreAddresses) -> Iterator[str]:
    """Yields one line for each address, or authority, that cannot work."""
    unreadable = [*ca_file_problem("DATABASE_CA_FILE", settings.database_ca_file)]
    yield from unreadable
    try:
        if not unreadable:
            database_url(settings)
    except ValueError as error:
        yield f"DATABASE_URL: {error}"
    yield from ca_file_problem("S3_CA_FILE", settings.s3_ca_file)
    yield from _wrong_endpoint(settings.s3_endpoint, settings.s3_ca_file)


def _wrong_endpoint(endpoint: str | None, ca_file: Path | None) -> Iterator[str]:
    if endpoint is None:
        return
    if not has_host(endpoint) or "@" in endpoint:
        yield f"S3_ENDPOINT: {NO_HOST} {ENDPOINT.example}"
    elif ca_file is not None and not endpoint.startswith("https:"):
        yield "S3_CA_FILE is set and S3_ENDPOINT begins with http://: write https://, nothing is verified otherwise"
