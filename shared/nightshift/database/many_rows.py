"""Executes one statement for many rows in one call of the driver, compiled once for all groups to come.

SQLAlchemy does the same for each row of each group anew, which costs more than the database's own work.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Executable
from sqlalchemy.engine import Connection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

Row = Mapping[str, Any]

_AT_ONCE = 500
"""Rows of a statement that takes lists: a message to PostgreSQL may have a gigabyte, and a row may be a large one."""
_TYPED_ROW = re.compile(r"(INSERT INTO .+\)) VALUES \((\$\d+::[A-Z ]+(?:, \$\d+::[A-Z ]+)*)\)")
"""An insert of a row whose values are all parameters of plain types, as SQLAlchemy writes it for PostgreSQL."""


_UNTYPED_ROW = re.compile(r"(INSERT INTO .+\)) VALUES (\(\?(?:, \?)*\))")
"""The same for SQLite."""
_Together = Callable[[Sequence[Sequence[Any]]], tuple[str, tuple[Any, ...]]]
"""Makes of the columns of some rows the statement that writes them all, and its parameters."""


class _Plan(msgspec.Struct, frozen=True):
    """A statement as the driver takes it, and how a row becomes its parameters."""

    sql: str
    values: Callable[[Row], tuple[Any, ...]]
    """The values of a row in the order of the parameters."""
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]
    """What turns the value at a place into what the database stores."""
    defaults: tuple[tuple[str, Callable[[Any], Any]], ...]
    """What makes the values of Python's own defaults; one that asks for its context fails."""
    together: _Together | None
    """What writes many rows by one execution; None where the driver executes the statement for each."""

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """Return what the driver is given for rows, column by column."""
        if self.defaults:
            rows = [{**row, **{name: make(None) for name, make in self.defaults}} for row in rows]
        columns: list[Sequence[Any]] = list(zip(*map(self.values, rows), strict=True))
        for place, process in self.processors:
            columns[place] = list(map(process, columns[place]))
        return columns


_plans: WeakKeyDictionary[Executable, dict[tuple[str, ...], _Plan | None]] = WeakKeyDictionary()


def execute_many(connection: Connection, statement: Executable, rows: Sequence[Row]) -> None:
    """Do what `connection.execute(statement, rows)` does, for rows with the same keys, and return nothing.

    Raises:
        Exception: what that raises.
    """
    plan = _plan_of(connection, statement, tuple(rows[0])) if len(rows) > 1 else None
    if plan is not None:
        try:
            columns = plan.columns(rows)
        except Exception:  # noqa: BLE001 - SQLAlchemy says what is wrong with the row, in its own way
            plan = None
    if plan is None:
        connection.execute(statement, rows)
    elif plan.together is None:
        connection.exec_driver_sql(plan.sql, list(zip(*columns, strict=True)))
    else:
        for start in range(0, len(rows), _AT_ONCE):
            connection.exec_driver_sql(*plan.together([column[start : start + _AT_ONCE] for column in columns]))


def _plan_of(connection: Connection, statement: Executable, keys: tuple[str, ...]) -> _Plan | None:
    known = _plans.setdefault(statement, {})
    for_database = (connection.dialect.name, *keys)
    if for_database not in known:
        known[for_database] = _made(connection, statement, keys)
    return known[for_database]


def _made(connection: Connection, statement: Executable, keys: tuple[str, ...]) -> _Plan | None:
    """Return the plan of a statement; None where SQLAlchemy does more for each row than a plan can."""
    schemas = connection.get_execution_options().get("schema_translate_map")
    try:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]  # of every statement that can be executed
            dialect=connection.dialect,
            column_keys=list(keys),
            schema_translate_map=schemas,
            render_schema_translate=schemas is not None,
        )
    except Exception:  # noqa: BLE001 - executing it will say so
        return None
    if not isinstance(compiled, SQLCompiler) or not _is_plain(compiled):
        return None
    names = compiled.positiontup or []
    defaults = _defaults(compiled)
    if not names or defaults is None or not set(names).issubset([*keys, *(name for name, _ in defaults)]):
        return None
    processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001 - the public way processes row by row
    placed = tuple((place, processors[name]) for place, name in enumerate(names) if name in processors)
    pick = itemgetter(*names) if len(names) > 1 else _only(names[0])
    sql = str(compiled)
    return _Plan(sql, pick, placed, defaults, _by_columns(sql) or _by_rows(sql))


def _by_columns(sql: str) -> _Together | None:
    """Return an insert that takes all its rows at once, as lists; None where that cannot be said of the statement.

    PostgreSQL executes an `executemany` row by row, which takes it several times as long.
    """
    row = _TYPED_ROW.fullmatch(sql)
    if row is None:
        return None
    into, values = row.groups()
    lists = ", ".join(f"{value}[]" for value in values.split(", "))
    all_rows = f"{into} SELECT * FROM unnest({lists})"  # noqa: S608 - of the statement itself
    return lambda columns: (all_rows, tuple(map(list, columns)))


def _by_rows(sql: str) -> _Together | None:
    """Return an insert that has all its rows in it; None where that cannot be said of the statement.

    SQLite's driver takes Python's lock anew after each row of an `executemany`, which costs a fifth of its time.
    """
    row = _UNTYPED_ROW.fullmatch(sql)
    if row is None:
        return None
    into, values = row.groups()
    return lambda columns: (
        f"{into} VALUES {', '.join([values] * len(columns[0]))}",
        tuple(chain.from_iterable(zip(*columns, strict=True))),
    )


def _only(name: str) -> Callable[[Row], tuple[Any]]:
    return lambda row: (row[name],)


def _is_plain(compiled: SQLCompiler) -> bool:
    """Return whether rows bring nothing but values: they return nothing, and none is part of the statement's text."""
    special = (
        compiled.effective_returning,
        compiled.post_compile_params,
        compiled.literal_execute_params,
        compiled.escaped_bind_names,
    )
    return not any(special)


def _defaults(compiled: SQLCompiler) -> tuple[tuple[str, Callable[[Any], Any]], ...] | None:
    """Return what makes the values that rows leave to Python; None where that is not a value or a function."""
    makers: list[tuple[str, Callable[[Any], Any]]] = []
    defaults = [(column.key, column.default) for column in compiled.insert_prefetch]
    defaults += [(column.key, column.onupdate) for column in compiled.update_prefetch]
    for name, default in defaults:
        if isinstance(default, CallableColumnDefault):
            makers.append((name, default.arg))
        elif isinstance(default, ScalarElementColumnDefault):
            makers.append((name, partial(_constant, default.arg)))
        else:
            return None
    return tuple(makers)


def _constant(value: Any, _context: object) -> Any:
    return value
