"""Roles on PostgreSQL, of services and producers: each may do with the tables what is declared for it, nothing else.

`provision` brings the server to what is declared (`access.py`), in the transaction of the migrations, so that no worker
ever meets a new table without its rights on it. SQLite has no roles.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from nightshift.contract.access import ROLE_PREFIX, parse_privileges
from nightshift.database.access import TableAccess
from nightshift.database.library_schema import schema_of
from nightshift.database.migration_error import MigrationError
from nightshift.database.producer_role import PRODUCER, PRODUCER_ACCESS, let_execute, quoted
from nightshift.database.role_checks import refuse_anothers_role, refuse_unknown_tables
from nightshift.database.scram import scram_verifier
from nightshift.database.tables import SCHEMA

_NO_RIGHT = "42501"


class Privilege(NamedTuple):
    """One thing that a role may do with a table, or with one column of it."""

    role: str
    schema: str
    table: str
    column: str
    """Empty: the whole table."""
    action: str


def role_of(service: str, prefix: str = ROLE_PREFIX) -> str:
    """Return the name of a service's role: roles belong to a whole server, which may have other users."""
    return f"{prefix}_{service}"


def read_passwords(json_text: str) -> dict[str, str]:
    """Read the setting DATABASE_ROLES: a JSON object of services and their passwords.

    Raises:
        ValueError: it is none; the message does not repeat it.
    """
    try:
        return msgspec.json.decode(json_text, type=dict[str, str])
    except msgspec.DecodeError:
        raise ValueError('it is no JSON object of services and passwords, such as {"email": "…"}') from None


def privileges(
    service: str, access: TableAccess, *, schema: str, library: str = SCHEMA, prefix: str = ROLE_PREFIX
) -> Iterator[Privilege]:
    """Yield what a declaration grants; `schema` is where the application's tables are, `library` where ours are.

    Raises:
        ValueError: the declaration is no list of privileges.
    """
    for name, words in access.items():
        where, _, table = name.rpartition(".")
        where = library if where == SCHEMA else where
        for action, columns in parse_privileges(name, words):
            for column in columns or ("",):
                yield Privilege(role_of(service, prefix), where or schema, table, column, action)


def apply_roles(
    connection: Connection,
    declared: Mapping[str, TableAccess],
    passwords: Mapping[str, str],
    prefix: str = ROLE_PREFIX,
) -> list[str]:
    """Create or update the roles that have a password; return one line for each thing done.

    Idempotent: it grants what is missing, and takes back what is not declared (in the two schemas of Nightshift).

    Raises:
        MigrationError: a right is missing, or a declaration and the database do not fit together.
    """
    declared = {**declared, PRODUCER: PRODUCER_ACCESS}
    if unknown := sorted(passwords.keys() - declared.keys()):
        raise MigrationError(f"DATABASE_ROLES names {', '.join(unknown)}, for which no access to tables is declared")
    schema, library = str(connection.execute(text("SELECT current_schema()")).scalar()), schema_of(connection)
    granted = {
        service: set(privileges(service, declared[service], schema=schema, library=library, prefix=prefix))
        for service in sorted(passwords)
        if declared[service]
    }
    wanted: set[Privilege] = set().union(*granted.values())
    refuse_unknown_tables(connection, {(one.schema, one.table, one.column) for one in wanted})
    done: list[str] = []
    for service, wished in granted.items():
        schemas = sorted({one.schema for one in wished})
        done += _log_in(connection, role_of(service, prefix), passwords[service], schemas, library)
    if PRODUCER in granted:
        done += let_execute(connection, role_of(PRODUCER, prefix))
    held = _held(connection, [role_of(service, prefix) for service in granted], [schema, library])
    for action, difference in (("GRANT", wanted - held), ("REVOKE", held - wanted)):
        for one in sorted(difference):
            _change(connection, action, one)
            done.append(_in_words(action, one))
    return done


def _log_in(connection: Connection, role: str, password: str, schemas: Iterable[str], library: str) -> Iterator[str]:
    """Let a role log in with its password, and reach schemas."""
    there = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).scalar()
    if there:
        refuse_anothers_role(connection, role, library)
    verb = "ALTER" if there else "CREATE"
    try:
        with connection.begin_nested():
            # The server gets what it would store: a password in the statement could end up in its log.
            connection.exec_driver_sql(f"{verb} ROLE {quoted(role)} LOGIN PASSWORD '{scram_verifier(password)}'")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_RIGHT:
            raise
        # An administrator's own role keeps the password that the administrator gave it.
        if not there:
            user = connection.execute(text("SELECT current_user")).scalar()
            raise MigrationError(
                f"the role {role} is missing, and the database's user may not create it: let an administrator run "
                f'ALTER ROLE "{user}" CREATEROLE, or create the roles (docs/security.md)'
            ) from error
    if not there:
        yield f"role {role} created"
    for kind, name, right in (
        ("DATABASE", str(connection.execute(text("SELECT current_database()")).scalar()), "CONNECT"),
        *(("SCHEMA", one, "USAGE") for one in schemas),
    ):
        question = text(f"SELECT has_{kind.lower()}_privilege(:role, :name, :right)")
        if not connection.execute(question, {"role": role, "name": name, "right": right}).scalar():
            connection.exec_driver_sql(f"GRANT {right} ON {kind} {quoted(name)} TO {quoted(role)}")
            yield f"{role} may {right} {kind.lower()} {name}"


def _held(connection: Connection, roles: Collection[str], schemas: Collection[str]) -> set[Privilege]:
    """Return what the roles may do with tables by grants of their own."""
    query = text(
        "SELECT r.rolname, n.nspname, c.relname, '' AS name, a.privilege_type FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a"
        " JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY(:schemas) AND r.rolname = ANY(:roles)"
        " UNION ALL SELECT r.rolname, n.nspname, c.relname, t.attname, a.privilege_type FROM pg_attribute t"
        " JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " CROSS JOIN LATERAL aclexplode(t.attacl) a JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE NOT t.attisdropped AND n.nspname = ANY(:schemas) AND r.rolname = ANY(:roles)"
    )
    rows = connection.execute(query, {"schemas": list(schemas), "roles": list(roles)})
    return {Privilege(*map(str, row)) for row in rows}


def _change(connection: Connection, action: str, one: Privilege) -> None:
    what = f"{one.action} ({quoted(one.column)})" if one.column else one.action
    direction = "TO" if action == "GRANT" else "FROM"
    table = f"{quoted(one.schema)}.{quoted(one.table)}"
    connection.exec_driver_sql(f"{action} {what} ON TABLE {table} {direction} {quoted(one.role)}")


def _in_words(action: str, one: Privilege) -> str:
    column = f" ({one.column})" if one.column else ""
    return f"{one.role} {'may' if action == 'GRANT' else 'may no longer'} {one.action} {one.table}{column}"


def table_problems(declared: Mapping[str, TableAccess], known: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield what the declarations name and the tables (name -> columns) do not have."""
    columns_of = {table: frozenset(columns) for table, columns in known.items()}
    for service, access in declared.items():
        for name, words in access.items():
            columns = {column for _, columns in parse_privileges(name, words) for column in columns}
            if name not in columns_of:
                yield f"{service}: there is no table {name}"
            else:
                yield from (f"{service}: {name} has no column {one}" for one in sorted(columns - columns_of[name]))
