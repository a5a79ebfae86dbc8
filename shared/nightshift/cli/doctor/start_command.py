"""What to type to start what is missing."""

from nightshift.cli.client.context import Context
from nightshift.config.project import Project


def worker_command(context: Context, service: str) -> str:
    """Return what starts a worker: of a service that a module declares, or of one that is a folder."""
    if service in context.catalogue.services:
        return f"nightshift worker {context.settings.contracts_package} --service {service}"
    return f"python -m {Project.of_environment(context.environ).services}.{service}"


def scheduler_command(context: Context) -> str:
    """Return what starts a scheduler."""
    module = f" {context.settings.contracts_package}" if context.catalogue.services else ""
    return f"nightshift scheduler{module}"
