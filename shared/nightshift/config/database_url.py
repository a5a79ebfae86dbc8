"""Reads a database URL: which kind of database it is, and how to speak of it without its password."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from nightshift.config.tls import is_file

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

_VERIFIED = "verify-full"
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def parse(url: str) -> URL:
    """Reads `postgresql://user:password@host:port/name` or `sqlite:////folder/file.db` (three slashes: relative).

    Raises:
        ValueError: the text is no such URL. The message never repeats it, because it may hold a password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "the database URL cannot be read: write postgresql://user:password@host:5432/name or sqlite:////folder/file.db"
        ) from None
    driver = _DRIVERS.get(address.drivername)
    if driver is None:
        raise ValueError(
            f"the database URL begins with {address.drivername!r}: only postgresql:// and sqlite:// are supported"
        )
    if driver.startswith("sqlite"):
        _check_file(address)
    elif not address.database:
        raise ValueError("the database URL names no database: write postgresql://user:password@host:5432/name")
    else:
        _check_tls(address)
        address = _join_hosts(address)
    return address.set(drivername=driver)


def trusting(url: str, ca_file: Path | None) -> str:
    """Adds the authority whose signature a PostgreSQL server's certificate must have; its host name is verified, too.

    Raises:
        ValueError: the text is no address that `parse` knows, or it says something else about TLS.
    """
    address = parse(url)
    if ca_file is None:
        return url
    if address.get_backend_name() == "sqlite":
        raise ValueError("DATABASE_CA_FILE is set, but an SQLite file has no certificate: leave one of them out")
    mode = address.query.get("sslmode", _VERIFIED)
    if "sslrootcert" in address.query or mode not in ("verify-ca", _VERIFIED):
        raise ValueError(
            f"DATABASE_CA_FILE is set: leave sslmode and sslrootcert out of the URL, it means {_VERIFIED} "
            "(only verify-ca may stand there, which lets the host name go unverified)"
        )
    tls = {"sslmode": mode, "sslrootcert": str(ca_file.absolute())}
    return address.update_query_dict(tls).render_as_string(hide_password=False)


def _check_tls(address: URL) -> None:
    """Looks at what the driver would complain about only when it connects, and without the file's name."""
    mode = address.query.get("sslmode")
    if mode is not None and mode not in _TLS_MODES:
        raise ValueError(f"sslmode in the database URL is {mode!r}: it is one of {', '.join(_TLS_MODES)}")
    for option in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        file = address.query.get(option)
        if isinstance(file, str) and not is_file(Path(file)):
            raise ValueError(f"{option} in the database URL: there is no file {file}")


def _join_hosts(address: URL) -> URL:
    """Several hosts may be written `?host=a:5432&host=b:5432` or, as libpq and the driver do, `?host=a:5432,b:5432`."""
    hosts = address.query.get("host", "")
    return address if isinstance(hosts, str) else address.update_query_dict({"host": ",".join(hosts)})


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite file, whatever characters its path has (a `%` or `?` means something in a URL)."""
    return URL.create("sqlite", database=file.as_posix()).render_as_string()


def _check_file(address: URL) -> None:
    if address.host:
        raise ValueError(
            f"the SQLite URL names a host ({address.host!r}): write sqlite:////folder/file.db with four slashes "
            "for an absolute path, three for a relative one"
        )
    if not address.database or address.database.startswith((":memory:", "file:")):
        raise ValueError("the SQLite URL must name a file: a database in memory cannot be shared by processes")
    if address.query:
        raise ValueError(f"the SQLite URL has options ({', '.join(address.query)}): none are supported")


def place(address: URL) -> str:
    """Says which database it is, for logs and errors: never the user's password or the URL's options."""
    if address.get_backend_name() == "sqlite":
        return f"SQLite file {address.database}"
    host = address.host or address.query.get("host") or "localhost"
    port = f":{address.port}" if address.port else ""
    return f"PostgreSQL at {host}{port}/{address.database}"
