"""What settings make of the addresses of database and object store: whom to trust there, and which schema is ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from nightshift.config.database_options import SCHEMA_OPTION, library_schema
from nightshift.config.datastore_urls import ENDPOINT, NO_HOST, VERIFIED, has_host, parse
from nightshift.config.secret import Secret
from nightshift.config.tls import ca_file_problem


class StoreSettings(Protocol):
    """The settings that name database and object store; the operator's command line may have neither."""

    @property
    def database_url(self) -> Secret | None: ...  # noqa: D102 - a setting
    @property
    def database_ca_file(self) -> Path | None: ...  # noqa: D102
    @property
    def database_schema(self) -> str | None: ...  # noqa: D102
    @property
    def s3_endpoint(self) -> str | None: ...  # noqa: D102
    @property
    def s3_ca_file(self) -> Path | None: ...  # noqa: D102


def database_url(settings: StoreSettings) -> str | None:
    """Return the database's URL with authority and schema in it, as `open_database` and `migrate` take it.

    Raises:
        ValueError: it is no such URL, or it and DATABASE_CA_FILE or DATABASE_SCHEMA contradict each other.
    """
    if settings.database_url is None:
        return None
    return with_schema(
        with_ca_file(settings.database_url.reveal(), settings.database_ca_file), settings.database_schema
    )


def invalid_urls(settings: StoreSettings) -> Iterator[str]:
    """Yield one line for each URL, or authority, that cannot work."""
    unreadable = [
        *ca_file_problem("DATABASE_CA_FILE", settings.database_ca_file),
        *_schema_problem(settings.database_schema),
    ]
    yield from unreadable
    try:
        if not unreadable:
            database_url(settings)
    except ValueError as error:
        yield f"DATABASE_URL: {error}"
    yield from ca_file_problem("S3_CA_FILE", settings.s3_ca_file)
    yield from _endpoint_problem(settings.s3_endpoint, settings.s3_ca_file)


def with_ca_file(url: str, ca_file: Path | None) -> str:
    """Add the authority that must have signed a PostgreSQL server's certificate; its host name is verified, too.

    Raises:
        ValueError: the text is no URL that `parse` knows, or it says something else about TLS.
    """
    parsed = parse(url)
    if ca_file is None:
        return url
    if parsed.get_backend_name() == "sqlite":
        raise ValueError("DATABASE_CA_FILE is set, but an SQLite file has no certificate: leave one of them out")
    mode = parsed.query.get("sslmode", VERIFIED)
    if "sslrootcert" in parsed.query or mode not in ("verify-ca", VERIFIED):
        raise ValueError(
            f"DATABASE_CA_FILE is set: leave sslmode and sslrootcert out of the URL, it means {VERIFIED} "
            "(only verify-ca may stand there, which lets the host name go unverified)"
        )
    tls = {"sslmode": mode, "sslrootcert": str(ca_file.absolute())}
    return parsed.update_query_dict(tls).render_as_string(hide_password=False)


def with_schema(url: str, schema: str | None) -> str:
    """Add the schema on PostgreSQL in which the library's tables are.

    Raises:
        ValueError: the name cannot be one, or the database has no schemas.
    """
    if schema is None:
        return url
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        raise ValueError("DATABASE_SCHEMA is set, but SQLite has no schemas: leave it out")
    library_schema({SCHEMA_OPTION: schema})
    return parsed.update_query_dict({SCHEMA_OPTION: schema}).render_as_string(hide_password=False)


def _schema_problem(schema: str | None) -> Iterator[str]:
    try:
        library_schema({} if schema is None else {SCHEMA_OPTION: schema})
    except ValueError as error:
        yield f"DATABASE_SCHEMA: {error}"


def _endpoint_problem(endpoint: str | None, ca_file: Path | None) -> Iterator[str]:
    if endpoint is None:
        return
    if not has_host(endpoint) or "@" in endpoint:
        yield f"S3_ENDPOINT: {NO_HOST} {ENDPOINT.example}"
    elif ca_file is not None and not endpoint.startswith("https:"):
        yield "S3_CA_FILE is set and S3_ENDPOINT begins with http://: write https://, nothing is verified otherwise"
