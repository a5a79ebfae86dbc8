"""What all tables share: the naming convention of their metadata, and the kinds of columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, CheckConstraint, Column, ColumnElement, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from nightshift.database.column_types import Instant
from nightshift.instants import utc_now

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""For a `MetaData`: names that follow from a rule let a later migration change what it did not name itself."""

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""Structured data; Python's None is NULL, not JSON's null."""


def _new_id() -> str:
    return uuid4().hex


def identifier() -> Column[str]:
    """Return a text primary key; it is random where the writer gives none."""
    return Column("id", Text, primary_key=True, default=_new_id)


def created_at() -> Column[datetime]:
    """Return the column that says when the row was written; now, where the writer gives nothing."""
    return Column("created_at", Instant, nullable=False, default=utc_now)


def instant(name: str, *, nullable: bool = True) -> Column[datetime]:
    """Return a column for a point in time."""
    return Column(name, Instant, nullable=nullable)


def document(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for structured data; an empty object where the writer gives none and NULL is not allowed."""
    return Column(name, Document, nullable=nullable, default=None if nullable else dict)


class GivenByDatabase(ColumnElement[Any]):
    """An expression in the words of each kind of database: what other writers than ours get, what an index holds."""

    inherit_cache = True

    def __init__(self, *, postgresql: str, sqlite: str) -> None:
        self.words = {"postgresql": postgresql, "sqlite": sqlite}


@compiles(GivenByDatabase)
def _in_words(element: GivenByDatabase, compiler: SQLCompiler, **_options: Any) -> str:
    return element.words[compiler.dialect.name]


def belongs_to(name: str, target: str, *, on_delete: str) -> Column[str]:
    """Return a reference to another table's row; with "SET NULL" the row outlives it."""
    return Column(name, Text, ForeignKey(target, ondelete=on_delete), nullable=on_delete == "SET NULL")


def one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    """Return a constraint that a text column holds one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
