"""Statements in a transaction that is the caller's own, whichever library it belongs to.

SQLAlchemy's connections and sessions; cursors and connections of Django, psycopg and sqlite3.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeAlias

from nightshift.config.database_options import LIBRARY_SCHEMA

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session, scoped_session

    OwnTransaction: TypeAlias = Connection | Session | scoped_session[Any] | Any
else:
    OwnTransaction = Any  # whoever enqueues by psycopg or Django needs no SQLAlchemy

_NAMED = re.compile(r":(\w+)")
_POSTGRES_DRIVERS = frozenset({"psycopg", "psycopg2", "psycopg_pool"})
_AWAITED = (
    "{name} is asynchronous: with SQLAlchemy's write `await connection.run_sync({function}, …)`; "
    "any other can do it by SQL (docs/enqueue-by-sql.md)"
)


@dataclass(slots=True, frozen=True)
class Answer:
    """What a statement found or changed."""

    rows: Sequence[Any]
    count: int


@dataclass(slots=True, frozen=True)
class Statements:
    """Runs statements within the caller's transaction; their parameters are written `:name`."""

    dialect: str
    """`postgresql` or `sqlite`."""
    schema: str
    """Where the library's tables are."""
    run: Callable[[str, Mapping[str, Any]], Answer]

    def table(self, name: str) -> str:
        """Return a table of the library's as this database names it."""
        return name if self.dialect == "sqlite" else f"{self.schema}.{name}"

    def json_text(self, column: str, key: str) -> str:
        """Return the expression of a text within a JSON object."""
        return f"json_extract({column}, '$.\"{key}\"')" if self.dialect == "sqlite" else f"{column} ->> '{key}'"

    def cast(self, expression: str, kind: str) -> str:
        """Return a text as a type of PostgreSQL's; SQLite takes it as it is."""
        # By way of text: a driver that prepares statements would ask for a value of the type.
        return expression if self.dialect == "sqlite" else f"CAST(CAST({expression} AS text) AS {kind})"

    @property
    def row_order(self) -> str:
        """The place of a row in its table, which follows the order of writing while nothing is deleted."""
        return "rowid" if self.dialect == "sqlite" else "ctid"


def statements_in(connection: OwnTransaction, schema: str | None, function: str) -> Statements:
    """Return what runs statements on a connection, session or cursor, for a public function of this name.

    Raises:
        TypeError: it is none, or asynchronous; or its database is neither PostgreSQL nor SQLite.
    """
    if "sqlalchemy" in sys.modules and (found := _of_sqlalchemy(connection, schema, function)) is not None:
        return found
    driver: Any = connection
    execute = getattr(driver, "execute", None)
    if iscoroutinefunction(execute):
        raise TypeError(_AWAITED.format(name=_name(connection), function=function))
    dialect = _dialect_of_cursor(connection, function)
    # Django's cursors write %s for SQLite, too.
    mark = "?" if "sqlite3" in _packages(connection) else "%s"

    def run(statement: str, values: Mapping[str, Any]) -> Answer:
        text = _NAMED.sub(mark, statement)
        parameters = [values[name] for name in _NAMED.findall(statement)]
        if execute is not None:  # a cursor, or a connection that makes one
            done = execute(text, parameters)
            return _answer(driver if hasattr(driver, "fetchall") else done)
        with closing(driver.cursor()) as cursor:
            cursor.execute(text, parameters)
            return _answer(cursor)

    return Statements(dialect, schema or LIBRARY_SCHEMA, run)


def _of_sqlalchemy(connection: OwnTransaction, schema: str | None, function: str) -> Statements | None:
    """Return the statements of SQLAlchemy's connection or session; None where it is neither."""
    # Only where the caller has it loaded; its asyncio needs greenlet, which who has no use for it may not have.
    from sqlalchemy import Connection, text  # noqa: PLC0415
    from sqlalchemy.orm import Session, scoped_session  # noqa: PLC0415

    if hasattr(connection, "run_sync"):
        raise TypeError(_AWAITED.format(name=_name(connection), function=function))
    if isinstance(connection, Session | scoped_session):
        connection = connection.connection()
    if not isinstance(connection, Connection):
        return None
    opened: Connection = connection
    if opened.dialect.name not in {"postgresql", "sqlite"}:
        raise TypeError(_other_database(opened.dialect.name, function))

    def run(statement: str, values: Mapping[str, Any]) -> Answer:
        result = opened.execute(text(statement), values)
        return Answer(result.all(), -1) if result.returns_rows else Answer((), result.rowcount)

    # A connection of `Database` knows it.
    known = opened.get_execution_options().get("schema_translate_map") or {}
    return Statements(opened.dialect.name, schema or known.get(LIBRARY_SCHEMA) or LIBRARY_SCHEMA, run)


def _dialect_of_cursor(connection: Any, function: str) -> str:
    """Return the kind of database that a DB-API cursor or connection, or one of Django's, belongs to."""
    vendor = getattr(getattr(connection, "db", connection), "vendor", None)  # Django's
    packages = _packages(connection)
    if "sqlite3" in packages:
        return "sqlite"
    if packages & _POSTGRES_DRIVERS:
        return "postgresql"
    if vendor in {"postgresql", "sqlite"}:
        return str(vendor)
    if vendor is not None:
        raise TypeError(_other_database(vendor, function))
    raise TypeError(
        f"{function}: {_name(connection)} is no connection, session or cursor of SQLAlchemy, Django, psycopg or sqlite3"
    )


def _packages(value: object) -> set[str]:
    """Return the packages of a value's class and its bases: drivers are not imported to ask for theirs."""
    return {base.__module__.partition(".")[0] for base in type(value).__mro__}


def _answer(cursor: Any) -> Answer:
    rows = cursor.fetchall() if cursor.description else ()
    # A driver may have been told to return mappings.
    return Answer([row.values() if isinstance(row, Mapping) else row for row in rows], cursor.rowcount)


def _other_database(name: str, function: str) -> str:
    return f"{function}: the outbox is in PostgreSQL or SQLite, and this is a connection to {name}"


def _name(value: object) -> str:
    return f"{type(value).__module__.partition('.')[0]}'s {type(value).__name__}"
