"""What is declared about tables and objects: for every service, and only what there is."""

import base64
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Delete, Insert, Select, Update

import schema.tables
from nightshift.database.roles import Privilege, privileges, read_passwords, table_problems
from nightshift.database.scram import scram_verifier
from nightshift.database.tables import SCHEMA
from nightshift.database.tables import metadata as library
from nightshift.objects.access import ObjectAccess, aws_policy, seaweedfs_actions
from schema.access import OBJECTS, TABLES
from tests.repository import ROOT, SERVICES

if TYPE_CHECKING:
    from nightshift.database.access import TableAccess

KNOWN = {
    **{table.name: table.columns.keys() for table in schema.tables.metadata.sorted_tables},
    **{f"{SCHEMA}.{table.name}": table.columns.keys() for table in library.sorted_tables},
}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_does_with_tables_and_objects(service: str) -> None:
    """A new service has a row in schema/access.py, be it empty: else it would run without a role and a key."""
    assert service in TABLES, f"schema/access.py: TABLES has no row for the service {service}"
    assert service in OBJECTS, f"schema/access.py: OBJECTS has no row for the service {service}"


def test_nothing_is_declared_that_does_not_exist() -> None:
    """A misspelt table or column is named with its service."""
    assert list(table_problems(TABLES, KNOWN)) == []
    wrong: Mapping[str, TableAccess] = {"email": {"mails": "SELECT", "users": "SELECT, UPDATE (mail, name)"}}
    assert list(table_problems(wrong, KNOWN)) == ["email: there is no table mails", "email: users has no column mail"]


def test_a_declaration_is_read_as_sql_means_it() -> None:
    """Actions for the whole table, or for columns; anything else is refused with the place."""
    found = set(privileges("report", {"users": "SELECT (id, name), DELETE", "app.x": "INSERT"}, schema="public"))
    assert found == {
        Privilege("nightshift_report", "public", "users", "id", "SELECT"),
        Privilege("nightshift_report", "public", "users", "name", "SELECT"),
        Privilege("nightshift_report", "public", "users", "", "DELETE"),
        Privilege("nightshift_report", "app", "x", "", "INSERT"),
    }
    for words in ("SELECT; DROP TABLE users", "ALL", "SELECT UPDATE", "SELECT (id"):
        with pytest.raises(ValueError, match="the access to users is"):
            list(privileges("report", {"users": words}, schema="public"))


def test_the_passwords_are_a_json_object_and_never_repeated() -> None:
    """A wrong setting is named without the secret that it holds."""
    assert read_passwords('{"email": "x"}') == {"email": "x"}
    with pytest.raises(ValueError, match="it is no JSON object of services and passwords") as wrong:
        read_passwords('{"email": "hush')
    assert "hush" not in str(wrong.value)


def test_a_password_is_stored_as_the_standard_has_it() -> None:
    """Password and salt of the example in RFC 7677: with these keys its signatures come out."""
    assert scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_the_same_access_in_the_words_of_two_providers() -> None:
    """SeaweedFS' actions are for a bucket's folder; a policy names resources, and a listing's prefix."""
    access = ObjectAccess(read=("reports/",), list=("probe",))
    assert seaweedfs_actions(access, "b") == ["Read:b/reports/*", "List:b/probe*"]
    reading, listing = aws_policy(access, "b")["Statement"]
    assert (reading["Action"], reading["Resource"]) == (["s3:GetObject"], ["arn:aws:s3:::b/reports/*"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["probe*"]}}


def _statements(service: str) -> Iterator[tuple[str, Any]]:
    """The statements that the modules of a service hold, with the modules' names."""
    for path in sorted((ROOT / "services" / service).rglob("*.py")):
        # Commands run as the operator.
        if path.stem not in ("__main__", "commands") and "cli" not in path.parts:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for value in vars(import_module(name)).values():
                for one in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(one, Select | Insert | Update | Delete):
                        yield name, one


def _needs(statement: Any) -> Iterator[tuple[str, str, str]]:
    """Table, action and column (or none) of a statement."""
    if isinstance(statement, Select):
        yield from ((table.name, "SELECT", "") for table in statement.get_final_froms() if hasattr(table, "name"))
        return
    table = statement.table.name
    if isinstance(statement, Insert):
        yield table, "INSERT", ""
        changed = dict(getattr(getattr(statement, "_post_values_clause", None), "update_values_to_set", ()))
        yield from ((table, "UPDATE", str(getattr(column, "name", column))) for column in changed)
    elif isinstance(statement, Update):
        yield from ((table, "UPDATE", str(getattr(column, "name", column))) for column in statement._values or ())
    else:
        yield table, "DELETE", ""


@pytest.mark.parametrize("service", [service for service in SERVICES if TABLES.get(service)])
def test_what_a_service_holds_ready_for_the_database_is_granted(service: str) -> None:
    """Each statement at the top of its modules: where it is not, the module, the action and the column are named."""
    granted = {one[2:] for one in privileges(service, TABLES[service], schema="public")}
    granted |= {(table, "", action) for table, _, action in granted if action == "SELECT"}
    missing = {
        f"{module}: {action} {table} {column}"
        for module, statement in _statements(service)
        for table, action, column in _needs(statement)
        if not {(table, "", action), (table, column, action)} & granted
    }
    assert not missing, f"schema/access.py does not grant what {service} does: {sorted(missing)}"


def test_a_service_without_a_row_would_be_named() -> None:
    """The rule above looks at the folders of services, whatever the table says."""
    with pytest.raises(AssertionError, match="TABLES has no row for the service nobody"):
        test_every_service_says_what_it_does_with_tables_and_objects("nobody")
