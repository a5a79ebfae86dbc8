"""The role on PostgreSQL that enqueues by SQL and can do nothing else."""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, text

from nightshift.database.library_schema import schema_of
from nightshift.database.tables import SCHEMA

PRODUCER = "producer"
"""Its name in DATABASE_ROLES; an application's own role may be made a member of it."""
PRODUCER_ACCESS: Final[Mapping[str, str]] = {f"{SCHEMA}.outbox": "INSERT (subject, body, headers, not_before)"}
_FUNCTIONS: Final = ("enqueue(text, jsonb, text, timestamptz, jsonb)", "new_job_id()")
"""What it may execute: the function that enqueues, and the one that it calls."""


def let_execute(connection: Connection, role: str) -> Iterator[str]:
    """Let a role enqueue by the function; yield one line for each right that was missing."""
    question = text("SELECT has_function_privilege(:role, :function, 'EXECUTE')")
    for function in producer_functions(schema_of(connection)):
        if not connection.execute(question, {"role": role, "function": function}).scalar():
            connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {function} TO {quoted(role)}")
            yield f"{role} may EXECUTE {function}"


def producer_functions(schema: str) -> list[str]:
    """Return the functions that it may execute, as PostgreSQL names them."""
    return [f"{schema}.{function}" for function in _FUNCTIONS]


def producer_grants(role: str, database: str, schema: str = SCHEMA) -> list[str]:
    """Return the statements that let a role enqueue by SQL, for whoever makes roles by hand."""
    name = quoted(role)
    return [
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {name};",
        f"GRANT USAGE ON SCHEMA {schema} TO {name};",
        *(
            f"GRANT {words} ON TABLE {schema}.{table.rpartition('.')[2]} TO {name};"
            for table, words in PRODUCER_ACCESS.items()
        ),
        *(f"GRANT EXECUTE ON FUNCTION {function} TO {name};" for function in producer_functions(schema)),
    ]


def quoted(name: str) -> str:
    """Return a name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'
