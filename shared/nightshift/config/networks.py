"""Settings that name addresses and networks."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network


def network_problems(setting: str, networks: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with the addresses and networks of the setting of this name."""
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            yield f"{setting}: {network!r} is no address or network, such as 10.0.0.0/8"
