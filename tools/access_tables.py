"""The tables of docs/security.md that say what each service may do in the database and at the object store."""

from collections.abc import Iterable, Mapping

from nightshift.database.access import TableAccess
from nightshift.objects.access import ObjectAccess, seaweedfs_actions


def database_table(declared: Mapping[str, TableAccess]) -> str:
    """Return a row for each table, a column for each service that has a role."""
    services = [service for service, access in declared.items() if access]
    tables = dict.fromkeys(table for service in services for table in declared[service])
    ordered = sorted(tables, key=lambda table: ("." not in table, table))
    return _markdown(
        services, {f"`{table}`": [declared[service].get(table, "") for service in services] for table in ordered}
    )


def object_table(declared: Mapping[str, ObjectAccess]) -> str:
    """Return a row for each folder, a column for each service that has a key."""
    services = [service for service, access in declared.items() if seaweedfs_actions(access, "")]
    kinds = ("read", "write", "list")
    folders = sorted({folder for service in services for kind in kinds for folder in getattr(declared[service], kind)})
    rows = {
        f"`{folder}`": [
            ", ".join(kind for kind in kinds if folder in getattr(declared[service], kind)) for service in services
        ]
        for folder in folders
    }
    return _markdown(services, rows)


def _markdown(services: Iterable[str], rows: Mapping[str, Iterable[str]]) -> str:
    names = [f"`{service}`" for service in services]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])
