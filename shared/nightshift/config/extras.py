"""Optional parts of the package: what they need is named with the command that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from nightshift.config.env_settings import SettingsError


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Import a part of the package that needs the extra `name`; `purpose` is the setting that asked for it.

    Raises:
        SettingsError: a distribution that the part imports is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            [f"{purpose} needs {error.name}, which is not installed: pip install 'nightshift-jobs[{name}]'"]
        ) from None
