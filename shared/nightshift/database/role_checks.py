"""What is checked before a role is changed: that it is this installation's, and that there is what it may use.

Roles belong to a whole server of PostgreSQL: one that another installation uses must not get another password.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from nightshift.database.migration_error import MigrationError

_OTHER_DATABASES = text(
    "SELECT DISTINCT 'the database ' || d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid"
    " JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass"
    " WHERE s.classid = 'pg_class'::regclass AND s.deptype = 'a' AND r.rolname = :role"
    " AND d.datname <> current_database() ORDER BY 1"
)
_OTHER_SCHEMAS = text(
    "SELECT DISTINCT 'the schema ' || n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE c.relname IN ('processed_messages', 'outbox') AND c.relkind = 'r' AND n.nspname <> :library"
    " AND r.rolname = :role ORDER BY 1"
)
_TABLE = text(
    "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :table AND c.relkind IN ('r', 'p', 'v', 'm')"
)
_COLUMN = text(
    "SELECT 1 FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :table AND t.attname = :column AND NOT t.attisdropped"
)


def refuse_anothers_role(connection: Connection, role: str, library: str) -> None:
    """Refuse a role that has rights on the tables of another database, or in another schema of the library's here.

    Raises:
        MigrationError: another installation uses it; the text says which, and what to do.
    """
    others = list(connection.execute(_OTHER_DATABASES, {"role": role}).scalars())
    others += connection.execute(_OTHER_SCHEMAS, {"role": role, "library": library}).scalars()
    if others:
        raise MigrationError(
            f"the role {role} is that of another installation ({', '.join(others)}), whose services could not log in "
            "any more. Nothing was changed. Give this one's roles names of their own: DATABASE_ROLE_PREFIX=…, for "
            "provision and for what makes the credentials"
        )


def refuse_unknown_tables(connection: Connection, named: Iterable[tuple[str, str, str]]) -> None:
    """Refuse declarations that name a table, or a column (empty: the whole table), that is not in its schema.

    Raises:
        MigrationError: the text names each.
    """
    missing = set[str]()
    for schema, table, column in named:
        row = {"schema": schema, "table": table, "column": column}
        if not connection.execute(_TABLE, row).scalar():
            missing.add(f"there is no table {table} in the schema {schema}")
        elif column and not connection.execute(_COLUMN, row).scalar():
            missing.add(f"{table} has no column {column}")
    if missing:
        raise MigrationError(
            f"the declared access to tables does not fit the database: {'; '.join(sorted(missing))}. Nothing was "
            "changed. Mend what the service declares, or the migration"
        )
