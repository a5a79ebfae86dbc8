"""A history of migrations: a package's revisions, and the version table that says how far a database has come."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from nightshift.config.project import DEFAULT_SCHEMA
from nightshift.database.library_schema import schema_of
from nightshift.database.migration_error import MigrationError

NO_PACKAGE = "none"
"""The word for an application without tables, or one that migrates them itself."""
_LONGEST_NAME = 63
"""PostgreSQL cuts longer names."""
_ENVIRONMENT = "env.py"
"""What Alembic's own command needs in a folder of migrations."""
_FOLDER = Path(__file__).parent


@dataclass(slots=True, frozen=True)
class History:
    """One line of revisions; each history has a version table of its own, so that they cannot disturb one another."""

    package: str
    folder: Path
    version_table: str
    is_library: bool = False
    """Whether its version table is in the library's schema on PostgreSQL; else in the connection's default schema."""

    def options(self, connection: Connection) -> dict[str, Any]:
        """Return what Alembic needs to know to find the version table."""
        is_library = self.is_library and connection.dialect.name == "postgresql"
        schema = schema_of(connection) if is_library else None
        return {"version_table": self.version_table, "version_table_schema": schema}

    def config(self, connection: Connection | None = None) -> Config:
        """Return Alembic's configuration; no file is needed for it."""
        config = Config()
        # A percent sign would be read as the beginning of a variable.
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        if connection is not None:
            config.attributes.update(connection=connection, options=self.options(connection))
        return config

    def head(self) -> str:
        """Return the newest revision, which this version of the program needs.

        Raises:
            MigrationError: the package's revisions are missing.
        """
        newest = ScriptDirectory.from_config(self.config()).get_current_head()
        if newest is None:
            raise MigrationError(f"the program is incomplete: there are no migrations in {self.folder}")
        return newest

    def knows(self, revision: str | None) -> bool:
        """Return whether a revision is one of this version's, or none."""
        scripts = ScriptDirectory.from_config(self.config()).walk_revisions()
        return revision is None or revision in {script.revision for script in scripts}

    def revision(self, connection: Connection) -> str | None:
        """Return the revision that a database is at; None when it was never migrated."""
        return MigrationContext.configure(connection, opts=self.options(connection)).get_current_revision()

    def stamp(self, connection: Connection, revision: str) -> None:
        """Note a revision without running any: the tables are there already."""
        context = MigrationContext.configure(connection, opts=self.options(connection))
        context.stamp(ScriptDirectory.from_config(self.config()), revision)


LIBRARY = History("nightshift", _FOLDER / "versions", "nightshift_version", is_library=True)


def application_history(package: str | None = None) -> History | None:
    """Return the history of the application's tables, whose revisions are in `<package>/migrations`.

    None stands for the package `schema`, if there is one with such migrations; `none` is for an application without.

    Raises:
        MigrationError: the package that is named has no migrations, an Alembic of its own, or a name that is too long.
    """
    if package == NO_PACKAGE:
        return None
    name = package or DEFAULT_SCHEMA
    folder = _migrations_of(name)
    is_others = folder is not None and (folder / _ENVIRONMENT).exists()
    if package is None and (is_others or folder is None or not any(folder.glob("[!_]*.py"))):
        return None
    if is_others:
        raise MigrationError(
            f"{name}.migrations has an Alembic environment of its own ({_ENVIRONMENT}): migrate it by Alembic's own "
            f"command, and write {NO_PACKAGE} here"
        )
    if folder is None:
        raise MigrationError(
            f"there is no Python package {name}.migrations: name the package that has the application's migrations, "
            f"or write {NO_PACKAGE} if there are none"
        )
    table = version_table(name)
    if len(table) > _LONGEST_NAME:
        raise MigrationError(f"the name of the package {name} is too long for a version table: shorten it")
    return History(name, folder, table)


def version_table(package: str) -> str:
    """Return the name of an application's version table: it must not be that of somebody else's Alembic."""
    return f"nightshift_{package.replace('.', '_')}_version"


def _migrations_of(package: str) -> Path | None:
    try:
        found = find_spec(f"{package}.migrations")
    except ModuleNotFoundError:  # no such package, or a module without a folder
        return None
    folders = found.submodule_search_locations if found else None
    return Path(next(iter(folders))) if folders else None
