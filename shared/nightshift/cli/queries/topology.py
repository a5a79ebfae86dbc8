"""The declared topology, and the services in it."""

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.text import meant_or_all
from nightshift.topology.topology import Topology, declared_topology


def topology_of(context: Context) -> Topology:
    """Return the declared streams and consumers."""
    return declared_topology(context.catalogue, bulk_removal=context.settings.bulk_removal)


def service_names(context: Context) -> list[str]:
    """Return every service that has queues."""
    return sorted({consumer.name for consumer in topology_of(context).consumers})


def service_named(context: Context, name: str) -> str:
    """Return the service of this name, ignoring case.

    Raises:
        UsageError: there is none.
    """
    names = service_names(context)
    if name.lower() not in names:
        raise UsageError(f"there is no queue {name!r}{meant_or_all(name.lower(), names)}")
    return name.lower()


def job_types(context: Context) -> list[str]:
    """Return every job type."""
    return sorted(context.catalogue.messages)
