"""Whether the addresses of database and object store can be used, before anything is opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from shared.secret import Secret
from shared.trust import unusable


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
    from shared.database import addresses  # noqa: PLC0415 - a process without a database is spared the library

    return addresses.trusting(settings.database_url.reveal(), settings.database_ca_file)


def wrong_addresses(settings: StoreAddresses) -> Iterator[str]:
    """Yields one line for each address, or authority, that cannot work."""
    unreadable = [*unusable("DATABASE_CA_FILE", settings.database_ca_file)]
    yield from unreadable
    try:
        if not unreadable:
            database_url(settings)
    except ValueError as error:
        yield f"DATABASE_URL: {error}"
    yield from unusable("S3_CA_FILE", settings.s3_ca_file)
    yield from _wrong_endpoint(settings.s3_endpoint, settings.s3_ca_file)


def _wrong_endpoint(endpoint: str | None, ca_file: Path | None) -> Iterator[str]:
    if endpoint is None:
        return
    try:
        address = urlsplit(endpoint)
        usable = bool(address.hostname) and address.port != 0 and "@" not in address.netloc
    except ValueError:
        usable = False
    if not usable:
        yield "S3_ENDPOINT: no host and port can be read from it, expected something like http://127.0.0.1:8333"
    elif ca_file is not None and address.scheme != "https":
        yield "S3_CA_FILE is set and S3_ENDPOINT begins with http://: write https://, nothing is verified otherwise"
