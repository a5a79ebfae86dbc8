"""Many rows by one statement: in the database stands what SQLAlchemy alone would have written, value by value."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Executable,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, StatementError

from nightshift.database import Database
from nightshift.database.columns import created_at, document, instant
from nightshift.database.many_rows import execute_many
from nightshift.database.tables import crash_marks

Rows = Sequence[Mapping[str, Any]]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
metadata = MetaData()
items = Table(
    "many_rows_items",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", Integer, default=7),
    Column("kind", Text, default=lambda: "made"),
    Column("told", Text, default=lambda context: context.get_current_parameters()["name"] + "!"),
    Column("open", Boolean, default=False),
    Column("code", String(4)),
    Column("share", Float),
    Column("price", Numeric(8, 2)),
    Column("raw", LargeBinary),
    document("details"),
    instant("at"),
    created_at(),
)
ALL = {"size": 1, "kind": "k", "told": "t", "open": True, "details": {"a": [1]}, "at": NOW, "created_at": NOW}
WITHOUT_SIZE = {name: value for name, value in ALL.items() if name != "size"}
RENAMED = update(items).where(items.c.name == bindparam("which"))
ENLARGED = text("UPDATE many_rows_items SET size = size + :more WHERE name = :name")
PRICES = (("a", Decimal("1.005")), ("b", None))
WITHOUT_CONTEXT = {"told": "t", "created_at": NOW}


async def _written(database: Database, statement: Executable, rows: Rows, *, plain: bool) -> list[Any]:
    """Return the table after the statement was executed for the rows, by us or by SQLAlchemy alone."""

    def work(connection: Connection) -> list[Any]:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        connection.execute(insert(items), [{"name": name, **ALL} for name in ("x", "y", "z")])
        if plain:
            connection.execute(statement, rows)
        else:
            execute_many(connection, statement, rows)
        found = connection.execute(select(items).order_by(items.c.name)).all()
        metadata.drop_all(connection)
        return [tuple(row) for row in found]

    return await database.commit(work)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (
            insert(items),
            [
                {"name": name, **ALL, "code": "ab", "share": 0.1, "price": price, "raw": b"\x00"}
                for name, price in PRICES
            ],
        ),
        (
            insert(items),
            [{"name": n, **ALL, "details": v, "code": None} for n, v in (("a", [[1], [2]]), ("b", "text"))],
        ),
        (insert(items), [{"name": "a", **ALL}, {"name": "b", **ALL, "at": None, "details": {}, "open": False}]),
        (insert(items), [{"name": name, **ALL, "at": NOW.astimezone(timezone(timedelta(hours=2)))} for name in "ab"]),
        (insert(items), [{"name": "a", **WITHOUT_CONTEXT}, {"name": "b", **WITHOUT_CONTEXT}]),
        (insert(items), [{"name": "a", "created_at": NOW}, {"name": "b", "created_at": NOW}]),
        (
            insert(items).values(size=func.length(bindparam("word"))),
            [{"name": n, "word": "four", **{k: v for k, v in ALL.items() if k != "size"}} for n in "ab"],
        ),
        (
            update(items).where(items.c.name == bindparam("which")),
            [{"which": "x", "size": 2}, {"which": "y", "size": 3}],
        ),
        (
            update(items).where(items.c.name == bindparam("which")).values(kind="fixed"),
            [{"which": "x"}, {"which": "z"}],
        ),
        (delete(items).where(items.c.name == bindparam("which")), [{"which": "x"}, {"which": "z"}]),
        (
            text("UPDATE many_rows_items SET size = size + :more WHERE name = :name"),
            [{"more": 1, "name": "x"}, {"more": 5, "name": "y"}],
        ),
        (insert(items), [{"name": "only", **ALL}]),
        (insert(items), [{"name": name, **ALL, "colour": "is no column"} for name in "ab"]),
    ],
)
async def test_the_rows_are_those_that_sqlalchemy_would_write(
    database: Database, statement: Executable, rows: Rows
) -> None:
    """Types, Python's defaults, expressions and values of the statement's own included; again from the kept plan."""
    expected = await _written(database, statement, rows, plain=True)
    assert await _written(database, statement, rows, plain=False) == expected
    assert await _written(database, statement, rows, plain=False) == expected


async def test_a_table_of_the_library_is_found_in_its_schema(database: Database) -> None:
    """SQLite has none: its engines leave the name out."""
    rows = [{"service": "s", "origin": name, "naks": 1, "started": False, "marked_at": NOW} for name in "ab"]

    def work(connection: Connection) -> int:
        execute_many(connection, insert(crash_marks), rows)
        gone: int = connection.execute(delete(crash_marks)).rowcount
        return gone

    assert await database.commit(work) == len(rows)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"name": "b", **ALL, "at": datetime(2026, 3, 1)}, StatementError),  # noqa: DTZ001 - the mistake
        ({"name": "x", **ALL}, DBAPIError),
    ],
)
async def test_what_is_wrong_with_a_row_is_said_as_sqlalchemy_says_it(
    database: Database, row: dict[str, Any], error: type[Exception]
) -> None:
    """Outages and mistakes are told apart by what it raises."""
    rows = [{**row, "name": "a"}, row]
    with pytest.raises(error) as expected:
        await _written(database, insert(items), rows, plain=True)
    with pytest.raises(error) as raised:
        await _written(database, insert(items), rows, plain=False)
    assert type(raised.value) is type(expected.value)


async def test_rows_of_one_key_replace_each_other_one_by_one(database: Database) -> None:
    """PostgreSQL refuses them in one statement: each row is one of its own, as SQLAlchemy would have it."""
    make = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    insertion = make(items)
    replace = insertion.on_conflict_do_update(index_elements=["name"], set_={"size": insertion.excluded.size})
    rows = [{"name": "a", **ALL, "size": size} for size in (1, 2)]
    written = await _written(database, replace, rows, plain=False)
    assert [row[:2] for row in written if row[0] == "a"] == [("a", 2)]


@pytest.mark.parametrize("wrong", [{"code": "abcde"}, {"size": 1 << 40}])
async def test_a_value_that_does_not_fit_its_column_is_refused(database: Database, wrong: dict[str, Any]) -> None:
    """A cast would cut it, and nobody would know."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite stores what does not fit")
    with pytest.raises(DBAPIError):
        await _written(database, insert(items), [{"name": n, **ALL, **wrong} for n in "ab"], plain=False)


async def test_rows_beyond_those_of_one_statement_are_written_too(database: Database) -> None:
    """A job may write any number of rows."""
    rows = [{"name": f"row-{number}", **ALL} for number in range(1_201)]
    written = await _written(database, insert(items), rows, plain=False)
    assert len(written) == len(rows) + 3
