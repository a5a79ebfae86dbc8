"""What each role may do with the tables: as services declare it, and as the library's own processes need it."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from nightshift.config.project import DEFAULT_SCHEMA
from nightshift.contract.declaration import ServiceDeclaration
from nightshift.database.migration_error import MigrationError
from nightshift.database.tables import SCHEMA

TableAccess = Mapping[str, str]
"""What one role may do: table -> privileges in SQL's words, such as `SELECT, UPDATE (status, error)`.

A name without a schema is a table of the application; the library's are `nightshift.outbox` and so on.
"""
WORKER: Final[TableAccess] = {
    f"{SCHEMA}.processed_messages": "SELECT, INSERT",
    f"{SCHEMA}.outbox": "SELECT, INSERT, UPDATE (tries, retry_at, error), DELETE",
    f"{SCHEMA}.crash_marks": "SELECT, INSERT, UPDATE, DELETE",
    f"{SCHEMA}.leases": "SELECT, INSERT, UPDATE, DELETE",
}
"""What every worker does with the library's tables; retention deletes from the inbox, and is one service's work."""
CONSOLE: Final[TableAccess] = {f"{SCHEMA}.processed_messages": "SELECT", f"{SCHEMA}.outbox": "SELECT"}
"""It shows what is done, and what waits to be published; it changes nothing."""
GATEWAY: Final[TableAccess] = {
    # A job that no worker has is cancelled by its inbox row.
    f"{SCHEMA}.processed_messages": "SELECT, INSERT (consumer, type, id, processed_at, outcome)",
    f"{SCHEMA}.outbox": "SELECT, INSERT, DELETE",
    # Keys are made and revoked by the operator.
    f"{SCHEMA}.gateway_keys": "SELECT, UPDATE (last_used_at)",
}
"""What the library's gateway does."""


def declared_access(
    schema_package: str | None, services: Iterable[ServiceDeclaration] = ()
) -> Mapping[str, TableAccess]:
    """Return what each role may do.

    A service that is declared in a module says it there (`tables`). What stands in `TABLES` of
    `<schema package>/access.py`, for services that are folders, counts before that.

    Raises:
        MigrationError: nothing says it.
    """
    own = {one.name: {**WORKER, **one.tables} for one in services}
    name = f"{schema_package or DEFAULT_SCHEMA}.access"
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None and not own:
        raise MigrationError(f"DATABASE_ROLES is set, and there is no module {name} that says what each role may do")
    of_package: Mapping[str, TableAccess] = {} if found is None else import_module(name).TABLES
    return {"console": CONSOLE, "gateway": GATEWAY, **own, **of_package}
