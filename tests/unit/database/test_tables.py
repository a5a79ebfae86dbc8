"""Rules that every table keeps, so that its queries stay quick when it has grown."""

from collections.abc import Iterator

import pytest
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from nightshift.database.column_types import Instant
from nightshift.database.tables import metadata as library
from schema.tables import metadata as application

TABLES = [pytest.param(table, id=table.name) for table in (*library.sorted_tables, *application.sorted_tables)]


def _indexed(table: Table) -> Iterator[tuple[str, ...]]:
    """The columns of everything that the database can search by; an index of an expression has none."""
    for index in table.indexes:
        if index.columns:
            yield tuple(column.name for column in index.columns)
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)


def test_the_design_names_these_tables() -> None:
    """A table is added here and in a migration on purpose."""
    assert set(library.tables) == {
        f"nightshift.{name}"
        for name in (
            "processed_messages",
            "outbox",
            "crash_marks",
            "leases",
            "producer_types",
            "gateway_keys",
            "received_webhooks",
        )
    }
    assert set(application.tables) == {
        "users",
        "sessions",
        "activity_logs",
        "files",
        "linked_accounts",
        "external_records",
        "reports",
        "email_deliveries",
        "cleanup_runs",
        "email_suppressions",
        "webhook_events",
        "provider_objects",
        "api_keys",
        "idempotency_keys",
        "uploads",
    }


@pytest.mark.parametrize("table", TABLES)
def test_a_reference_can_be_searched(table: Table) -> None:
    """Deleting an owner looks for its rows: without an index it would read the whole table each time."""
    searchable = {columns[0] for columns in _indexed(table)}

    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            assert constraint.columns.keys()[0] in searchable
            assert constraint.ondelete in {"CASCADE", "SET NULL"}


@pytest.mark.parametrize("table", TABLES)
def test_an_instant_is_never_a_bare_datetime(table: Table) -> None:
    """Each column of a point in time says so by its name, and keeps UTC."""
    for column in table.columns:
        named = column.name.endswith("_at") or column.name in {"not_before", "as_of"}
        assert isinstance(column.type, Instant) is named


@pytest.mark.parametrize("table", TABLES)
def test_no_index_is_the_beginning_of_another(table: Table) -> None:
    """Such an index only costs time with every write."""
    indexed = list(_indexed(table))

    for columns in indexed:
        longer = [other for other in indexed if other != columns and other[: len(columns)] == columns]
        assert longer == []


@pytest.mark.parametrize("table", TABLES)
def test_every_name_fits_postgresql(table: Table) -> None:
    """PostgreSQL cuts names at 63 characters, and a migration would then not find them again."""
    names = [*(index.name for index in table.indexes), *(constraint.name for constraint in table.constraints)]

    assert all(isinstance(name, str) and len(name) <= 63 for name in names)
