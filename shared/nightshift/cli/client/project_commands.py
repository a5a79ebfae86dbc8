"""Commands of a project's own: a service that has a module `commands` adds what it declares to `nightshift`.

Such a module has a function `register(groups)`, as the library's own commands have (`nightshift.cli.client.command`).
"""

import sys
from collections.abc import Callable
from importlib import import_module

from nightshift.cli.client.command import Groups
from nightshift.config.project import Project

_MODULE = "commands"


def register_commands_of(project: Project, groups: Groups, note: Callable[[str], object] = sys.stderr.write) -> None:
    """Declare the commands of each service of a project; one whose module cannot be loaded is told in a line."""
    for service in project.services_with(_MODULE):
        try:
            import_module(f"{project.services}.{service}.{_MODULE}").register(groups)
        except Exception as error:  # noqa: BLE001 - the commands of the library work all the same
            note(f"nightshift: the commands of the service {service} cannot be used: {type(error).__name__}: {error}\n")
