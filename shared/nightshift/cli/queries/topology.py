"""What there should be at the broker: streams, consumers, and the services that they are for."""

from nightshift.cli.client.context import Context
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.text import did_you_mean
from nightshift.topology.topology import Topology, declared_topology


def declared(context: Context) -> Topology:
    """The streams and consumers that there should be."""
    return declared_topology(context.catalogue)


def services(context: Context) -> list[str]:
    """Every service that has queues."""
    return sorted({consumer.name for consumer in declared(context).consumers})


def known(context: Context, name: str) -> str:
    """The service of this name, whatever its case.

    Raises:
        UsageError: there is none.
    """
    names = services(context)
    if name.lower() not in names:
        raise UsageError(
            f"there is no queue {name!r}{did_you_mean(name.lower(), names) or '; there are: ' + ', '.join(names)}"
        )
    return name.lower()
