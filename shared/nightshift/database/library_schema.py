"""The schema on PostgreSQL in which the library's tables are: `nightshift`, unless DATABASE_SCHEMA names another.

The tables and the migrations are written with the usual name. Another takes its place as statements go out: by
SQLAlchemy's own translation where they are built of tables, and word by word while migrating, where they are scripts.
"""

import re
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from nightshift.database.tables import SCHEMA

_WRITTEN = re.compile(rf"(?<![\w.'\"]){SCHEMA}(?=\.)|(?<=SCHEMA = '){SCHEMA}(?=')")
_TRANSLATION = "schema_translate_map"


def translation(schema: str) -> dict[str, Any]:
    """Return an engine's options for finding the tables there; none for the usual schema, which costs nothing."""
    return {} if schema == SCHEMA else {_TRANSLATION: {SCHEMA: schema}}


def schema_of(connection: Connection) -> str:
    """Return where the library's tables are for a connection of ours."""
    known = connection.get_execution_options().get(_TRANSLATION) or {}
    return str(known.get(SCHEMA) or SCHEMA)


def rewrite_statements(engine: Engine, schema: str) -> None:
    """Put the schema's name into the text of all statements: for migrations, whose functions name it, too."""

    def rewrite(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return _WRITTEN.sub(schema, statement), parameters

    if schema != SCHEMA:
        event.listen(engine, "before_cursor_execute", rewrite, retval=True)
