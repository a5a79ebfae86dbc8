"""Which of the services that a module declares is meant."""

from nightshift.contract.catalogue import load_catalogue
from nightshift.service.service import Service
from nightshift.text import did_you_mean


class NoSuchServiceError(Exception):
    """There is no such service, or none is named where there are several; the text names those that there are."""


def choose(packages: str, name: str | None) -> Service:
    """Return the service of this name, by default the only one.

    Raises:
        NoSuchServiceError: there is none, or several.
    """
    services = {name: one for name, one in load_catalogue(packages).services.items() if isinstance(one, Service)}
    if not services:
        raise NoSuchServiceError(f"{packages} declares no service: write, for instance, billing = Service('billing')")
    if name is None:
        if len(services) == 1:
            return next(iter(services.values()))
        raise NoSuchServiceError(f"{packages} declares {', '.join(sorted(services))}: choose one with --service")
    if name not in services:
        hint = did_you_mean(name, services) or f"; there are: {', '.join(sorted(services))}"
        raise NoSuchServiceError(f"{packages} declares no service {name!r}{hint}")
    return services[name]
