"""The project that Nightshift is used in: its folder, and the packages of contracts and of services in it."""

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_STATE = Path("var") / "up"
_DECLARING = ("Service(", "Webhooks(")
DEFAULT_SCHEMA = "schema"
"""The package of the application's tables, if there is one and none is named."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where an application keeps its own part; by default the working directory, laid out as Nightshift's own is."""

    folder: Path = field(default_factory=Path.cwd)
    contracts: str = "contracts"
    services: str = "services"
    schema: str | None = None
    """The package of the application's tables; None: `schema`, if there is one."""
    declared: tuple[str, ...] = ()
    """The services that `contracts`, a module such as `shop.jobs`, declares itself; none: they are folders."""

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self:
        """Return the project that PROJECT_FOLDER, CONTRACTS_PACKAGE, SERVICES_PACKAGE and SCHEMA_PACKAGE name."""
        return cls(
            Path(environ.get("PROJECT_FOLDER") or Path.cwd()).absolute(),
            environ.get("CONTRACTS_PACKAGE") or "contracts",
            environ.get("SERVICES_PACKAGE") or "services",
            environ.get("SCHEMA_PACKAGE") or None,
        )

    @property
    def state_folder(self) -> Path:
        """The folder in which the embedded stack keeps its state, unless told otherwise."""
        return self.folder / _STATE

    def settings(self) -> dict[str, str]:
        """Return the settings that tell a process of the project what its packages are called."""
        schema = {"SCHEMA_PACKAGE": self.schema} if self.schema else {}
        return {"CONTRACTS_PACKAGE": self.contracts, **schema}

    def service_names(self) -> list[str]:
        """Return the names of the services: those declared, else the folders of the package of services to be run."""
        return sorted(self.declared) or self.services_with("__main__")

    def services_with(self, module: str) -> list[str]:
        """Return the names of the services that have a module of this name."""
        package = self.folder.joinpath(*self.services.split("."))
        return sorted(file.parent.name for file in package.glob(f"*/{module}.py"))

    def modules_with_services(self) -> list[str]:
        """Return the modules of the folder's packages that look as if they declared services; none is imported."""
        found = set[str]()
        for file in (*self.folder.glob("*/*.py"), *self.folder.glob("*/*/*.py")):
            parts = file.relative_to(self.folder).with_suffix("").parts
            possible = parts[0] != "tests" and all(part.isidentifier() for part in parts)
            if possible and any(word in _text(file) for word in _DECLARING):
                found.add(".".join(parts).removesuffix(".__init__"))
        return sorted(found)

    def make_importable(self) -> None:
        """Let its packages be imported in this process; last, so that none of its modules hides an installed one."""
        if str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))


def _text(file: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return file.read_text(encoding="utf-8")
    return ""
