"""The URLs of database and object store: validated, combined with the authority to trust, shown without a password."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from nightshift.config.database_options import usable_options
from nightshift.config.env_fields import Pattern
from nightshift.config.host_name import is_host
from nightshift.config.secret import Secret
from nightshift.config.tls import ca_file_problem, is_file

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_SEVERAL_HOSTS = re.compile(
    r"(?P<before>postgres[^:/]*://(?:[^@/?]*@)?)(?P<hosts>[^@/?]*,[^@/?]*)(?P<path>/[^?]*)?(?:\?(?P<options>.*))?",
    re.DOTALL,
)
# SQLAlchemy is imported where a URL is read: a process without a database is spared it.

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

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_VERIFIED = "verify-full"
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class StoreSettings(Protocol):
    """The settings that name database and object store; the operator's command line may have neither."""

    @property
    def database_url(self) -> Secret | None: ...  # noqa: D102 - a setting
    @property
    def database_ca_file(self) -> Path | None: ...  # noqa: D102
    @property
    def s3_endpoint(self) -> str | None: ...  # noqa: D102
    @property
    def s3_ca_file(self) -> Path | None: ...  # noqa: D102


def database_url(settings: StoreSettings) -> str | None:
    """Return the database's URL with the authority to trust in it, as `open_database` and `migrate` take it.

    Raises:
        ValueError: it is no such URL, or it and DATABASE_CA_FILE contradict each other.
    """
    if settings.database_url is None:
        return None
    return with_ca_file(settings.database_url.reveal(), settings.database_ca_file)


def invalid_urls(settings: StoreSettings) -> Iterator[str]:
    """Yield one line for each URL, or authority, that cannot work."""
    unreadable = [*ca_file_problem("DATABASE_CA_FILE", settings.database_ca_file)]
    yield from unreadable
    try:
        if not unreadable:
            database_url(settings)
    except ValueError as error:
        yield f"DATABASE_URL: {error}"
    yield from ca_file_problem("S3_CA_FILE", settings.s3_ca_file)
    yield from _endpoint_problem(settings.s3_endpoint, settings.s3_ca_file)


def has_host(url: str) -> bool:
    """Return whether a URL names a host that can exist, and a port that can be one or none."""
    try:
        return is_host(urlsplit(url).hostname or "") and urlsplit(url).port != 0
    except ValueError:
        return False


def parse(url: str) -> "URL":
    """Read `postgresql://user:password@host:port/name` or `sqlite:////folder/file.db` (three slashes: relative).

    Raises:
        ValueError: the text is no such URL. The message never repeats it, because it may hold a password.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - see above
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(_hosts_as_options(url))
    except (ArgumentError, ValueError):
        raise ValueError(
            "the database URL cannot be read: write postgresql://user:password@host:5432/name or sqlite:////folder/file.db"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ValueError(
            f"the database URL begins with {parsed.drivername!r}: only postgresql:// and sqlite:// are supported"
        )
    if driver.startswith("sqlite"):
        _check_file(parsed)
    elif "@" in (parsed.host or ""):  # part of the password: it must not get into a log as a host
        raise ValueError("the database URL has an @ within its user or password: write it as %40")
    elif parsed.host and not is_host(parsed.host):  # perhaps part of a password, too
        raise ValueError("the database URL names a host that cannot exist: within a password, write / as %2F, : as %3A")
    elif not parsed.database:
        raise ValueError("the database URL names no database: write postgresql://user:password@host:5432/name")
    else:
        parsed = _with_system_authorities(parsed.set(query=usable_options(parsed.query)))
        _check_tls(parsed)
        parsed = _join_hosts(parsed)
    return parsed.set(drivername=driver)


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
    mode = parsed.query.get("sslmode", _VERIFIED)
    if "sslrootcert" in parsed.query or mode not in ("verify-ca", _VERIFIED):
        raise ValueError(
            f"DATABASE_CA_FILE is set: leave sslmode and sslrootcert out of the URL, it means {_VERIFIED} "
            "(only verify-ca may stand there, which lets the host name go unverified)"
        )
    tls = {"sslmode": mode, "sslrootcert": str(ca_file.absolute())}
    return parsed.update_query_dict(tls).render_as_string(hide_password=False)


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file, whatever characters its path has (a `%` or `?` means something in a URL)."""
    from sqlalchemy.engine import URL  # noqa: PLC0415 - see above

    return URL.create("sqlite", database=file.as_posix()).render_as_string()


def place(url: "URL") -> str:
    """Name the database for logs and errors, without user, password and options."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite file {url.database}"
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL at {url.host or url.query.get('host') or 'localhost'}{port}/{url.database}"


def _endpoint_problem(endpoint: str | None, ca_file: Path | None) -> Iterator[str]:
    if endpoint is None:
        return
    if not has_host(endpoint) or "@" in endpoint:
        yield f"S3_ENDPOINT: {NO_HOST} {ENDPOINT.example}"
    elif ca_file is not None and not endpoint.startswith("https:"):
        yield "S3_CA_FILE is set and S3_ENDPOINT begins with http://: write https://, nothing is verified otherwise"


def _check_tls(url: "URL") -> None:
    """Refuse what the driver would complain about only when it connects, and without the file's name."""
    mode = url.query.get("sslmode")
    if mode is not None and mode not in _TLS_MODES:
        raise ValueError(f"sslmode in the database URL is {mode!r}: it is one of {', '.join(_TLS_MODES)}")
    for option in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        file = url.query.get(option)
        if isinstance(file, str) and not is_file(Path(file)):
            raise ValueError(f"{option} in the database URL: there is no file {file}")


def _with_system_authorities(url: "URL") -> "URL":
    """Name the file of the well-known authorities where the URL says `sslrootcert=system`, as libpq 16 has it."""
    if url.query.get("sslrootcert") != "system":
        return url
    file = ssl.get_default_verify_paths().cafile
    if file is None:
        raise ValueError("sslrootcert in the database URL is system: this machine has no file of authorities")
    return url.update_query_dict({"sslmode": url.query.get("sslmode", _VERIFIED), "sslrootcert": file})


def _hosts_as_options(url: str) -> str:
    """Write libpq's `//a:5432,b:5432/name` as `///name?host=a:5432&host=b:5432`, which SQLAlchemy understands."""
    found = _SEVERAL_HOSTS.fullmatch(url)
    if found is None:
        return url
    hosts = "&".join(f"host={host}" for host in found["hosts"].split(","))
    return f"{found['before']}{found['path'] or ''}?{hosts}{'&' if found['options'] else ''}{found['options'] or ''}"


def _join_hosts(url: "URL") -> "URL":
    """Write several hosts as the driver wants them: `?host=a:5432&host=b:5432` becomes `?host=a:5432,b:5432`."""
    hosts = url.query.get("host", "")
    return url if isinstance(hosts, str) else url.update_query_dict({"host": ",".join(hosts)})


def _check_file(url: "URL") -> None:
    if url.host:
        raise ValueError(
            f"the SQLite URL names a host ({url.host!r}): write sqlite:////folder/file.db with four slashes "
            "for an absolute path, three for a relative one"
        )
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ValueError("the SQLite URL must name a file: a database in memory cannot be shared by processes")
    if url.query:
        raise ValueError(f"the SQLite URL has options ({', '.join(url.query)}): none are supported")
