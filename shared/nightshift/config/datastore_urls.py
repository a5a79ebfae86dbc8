"""The URLs of database and object store: validated, and shown without a password."""

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nightshift.config.database_options import usable_options
from nightshift.config.env_fields import Pattern
from nightshift.config.host_name import is_host
from nightshift.config.tls import is_file

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
VERIFIED = "verify-full"
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


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
    return url.update_query_dict({"sslmode": url.query.get("sslmode", VERIFIED), "sslrootcert": file})


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
