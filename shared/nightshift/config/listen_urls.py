"""The address of PostgreSQL beside its pooler, where a process can listen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from nightshift.config.database_options import is_behind_pooler
from nightshift.config.datastore_settings import with_ca_file
from nightshift.config.datastore_urls import parse
from nightshift.config.secret import Secret


class ListenSettings(Protocol):
    """The settings that say where to listen."""

    @property
    def database_listen_url(self) -> Secret | None: ...  # noqa: D102 - a setting
    @property
    def database_ca_file(self) -> Path | None: ...  # noqa: D102


def listen_url(settings: ListenSettings) -> str | None:
    """Return the address of PostgreSQL beside its pooler, with the authority to trust in it; None where there is none.

    Raises:
        ValueError: it is no such URL.
    """
    if settings.database_listen_url is None:
        return None
    return with_ca_file(settings.database_listen_url.reveal(), settings.database_ca_file)


def invalid_listen_url(settings: ListenSettings) -> Iterator[str]:
    """Yield what is wrong with the address beside the pooler."""
    try:
        url = listen_url(settings)
        if url is not None and parse(url).get_backend_name() == "sqlite":
            yield "DATABASE_LISTEN_URL: only PostgreSQL has one: leave it out"
        elif url is not None and is_behind_pooler(parse(url).query):
            yield "DATABASE_LISTEN_URL: it is the address beside the pooler, so without pgbouncer=true"
    except ValueError as error:
        yield f"DATABASE_LISTEN_URL: {error}"
