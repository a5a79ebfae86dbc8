"""Tells an outage of the database from an error of the statement, and raises it as `Unavailable`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from nightshift.config.tls import explain_tls_error
from nightshift.database.tables import SCHEMA, metadata
from nightshift.outcomes import Unavailable


class SchemaChangedError(Unavailable):
    """A statement was prepared before somebody changed a table: prepared anew, it works."""


_SQLITE_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Primary result codes (https://www.sqlite.org/rescode.html) that blame the file or the machine."""

_POSTGRES_OUTAGES = (
    "08",  # the connection
    "28",  # the login: a changed password is no fault of the job
    "53",  # disk full, out of memory, too many connections
    "57P",  # shutdown, crash, starting up, database dropped
    "58",  # the operating system, input and output
    "26000",  # a prepared statement that is not there, …
    "42P05",  # … or was there before: a pooler has lent another connection of the server
    "XX001",  # a damaged page
    "XX002",  # a damaged index
)
"""Beginnings of SQLSTATE codes (PostgreSQL manual, appendix A) that blame the server."""

_READ_ONLY = "25006"
_NO_TABLE = ("42P01", "3F000", "42501")
"""No such table, no such schema, no right to use it: blames nobody but the statement, unless the table is ours."""
_OUR_TABLES = frozenset(table.name for table in metadata.sorted_tables)
_LOCKED = "canceling statement due to lock timeout"
"""What the server says after our own `lock_timeout`; a statement that would not wait (NOWAIT) has the same code."""
_STALE = ("InvalidCachedStatementError", "OutdatedSchemaCacheError")
"""The driver's errors after a table was changed; the code of the first, 0A000, means many other things, too."""
_NOT_LENT = ("unsupported startup parameter", "prepared statement")
"""In what a pooler, or the server behind it, says to a client that takes its connection for its own."""
_NO_AUTHORITY = "root certificate file"
"""Beginning of the driver's message when it is told to verify a certificate (`sslmode`), but not by which authority."""


def is_outage(error: BaseException, *, writing: bool = True) -> bool:
    """Return whether the database itself is down, full, locked or read-only, so that trying again later may help.

    A refusal to write counts only while `writing`: inside `Database.read()` it is the caller's mistake.
    """
    if isinstance(error, PoolTimeout):
        return True
    if lacks_tables(error):
        return True
    if is_stale(error) or _LOCKED in str(error.orig if isinstance(error, DBAPIError) else error):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _blames_database(error.orig, writing=writing)
    return _blames_database(error, writing=writing)


def lacks_tables(error: BaseException, schema: str = SCHEMA) -> bool:
    """Return whether the library's own tables are missing or hidden: jobs can wait until somebody has provisioned."""
    if not isinstance(error, DBAPIError):
        return False
    said = str(error.orig)
    if getattr(error.orig, "sqlstate", None) in _NO_TABLE:
        return schema in said
    missing = said.partition("no such table: ")[2]
    return missing.removeprefix("main.") in _OUR_TABLES


def is_stale(error: BaseException) -> bool:
    """Return whether a table was changed since the statement was prepared."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return any(type(one).__name__ in _STALE for one in (cause, getattr(cause, "__cause__", None)))


def _blames_database(error: BaseException | None, *, writing: bool) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        primary = code & 0xFF
        return primary in _SQLITE_OUTAGES or (writing and primary == sqlite3.SQLITE_READONLY)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_POSTGRES_OUTAGES) or (writing and state == _READ_ONLY)
    return False


def unavailable(error: BaseException, place: str, schema: str = SCHEMA) -> Unavailable:
    """Return the outcome for an outage: `place` says which database; the text never shows values or passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if is_stale(error):
        return SchemaChangedError("database", f"{place}: a table was changed while this process was running")
    if isinstance(error, PoolTimeout):
        return Unavailable("database", f"{place}: no free connection, all are in use for too long")
    if isinstance(cause, TimeoutError) and not str(cause):
        return Unavailable("database", f"{place}: no answer in time")
    refused = explain_tls_error(cause, ca="DATABASE_CA_FILE", address="DATABASE_URL")
    if refused is not None:
        return Unavailable("database", f"{place}: {refused}")
    text = reason(cause)
    if lacks_tables(error, schema):
        text = f"{text}: run `nightshift provision` of this version, or let its tables be used"
    if text.startswith(_NOT_LENT):
        text = f"{text}: behind a pooler such as PgBouncer, DATABASE_URL needs the option pgbouncer=true"
    if text.startswith(_NO_AUTHORITY):
        text = f"{text}: DATABASE_CA_FILE can name another"
    return Unavailable("database", f"{place}: {text}")


def reason(error: BaseException) -> str:
    """Return what the database said, in one line; never the statement's values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause).strip().split("\n", 1)[0]
    # SQLAlchemy puts the driver's class in front, which tells a person nothing.
    text = text.rpartition("'>: ")[2] if text.startswith("<class ") else text
    return text or type(cause).__name__


@dataclass(slots=True)
class Stage:
    """How far the block has come: until it is connected, only the database can be at fault."""

    connected: bool = False


@contextmanager
def outages(place: str, *, writing: bool = True) -> Iterator[Stage]:
    """Turn outages inside the block into `Unavailable("database", …)`; every other error passes unchanged.

    Before the block sets `connected`, whatever goes wrong is an outage (a refused socket, an unknown host, a
    password that no longer works, an option that the driver refuses): it is no job's fault.
    """
    stage = Stage()
    try:
        yield stage
    except Exception as error:
        if not stage.connected or is_outage(error, writing=writing):
            raise unavailable(error, place) from error
        raise
