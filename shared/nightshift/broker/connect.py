"""Opening the connection that the settings describe."""

import asyncio
import contextlib

from nightshift.broker.connection import Connection
from nightshift.broker.error_log import describe_error
from nightshift.config.settings import ProcessSettings
from nightshift.config.tls import client_context
from nightshift.outcomes import Unavailable


async def connect(settings: ProcessSettings, *, name: str, wait_seconds: float | None = None) -> Connection:
    """Connect, and wait for a broker that is unavailable or refuses the user; from then on it reconnects for ever.

    `name` is the connection's, the prefix of its inboxes, and the user where the settings have only a password.

    Raises:
        Unavailable: there was no connection within `wait_seconds`; says how the last attempt failed.
    """
    connection = Connection(settings.nats_api_prefix)
    try:
        async with asyncio.timeout(wait_seconds):
            await establish(connection, settings, name=name)
    except TimeoutError:
        failure = describe_error(connection.last_error) if connection.last_error else "no answer"
        raise Unavailable("broker", f"no connection within {wait_seconds:g} s; the last attempt: {failure}") from None
    return connection


async def establish(connection: Connection, settings: ProcessSettings, *, name: str) -> None:
    """Connect as `connect` does, for a process that begins its work before the broker is there.

    Until then the connection may be used: what is asked of it waits for its time, and raises `Unavailable`.
    """
    try:
        await _connect(connection, settings, name)
    finally:
        if not connection.up.is_set():
            await abandon(connection)


async def abandon(connection: Connection) -> None:
    """Close a connection that may be only half made, or not made at all: nothing is left behind."""
    with contextlib.suppress(Exception):  # the library's own state may be anything then
        await connection.close()


async def _connect(connection: Connection, settings: ProcessSettings, name: str) -> None:
    tls = client_context(settings.nats_ca_file) if settings.nats_ca_file else None
    await connection.connect(
        settings.nats_servers,
        name=name,
        user=settings.nats_user or (name if settings.nats_password else None),
        password=settings.nats_password.reveal if settings.nats_password else None,  # asked at each reconnect
        tls=tls,
        user_credentials=str(settings.nats_creds_file) if settings.nats_creds_file else None,
        inbox_prefix=f"_INBOX_{name}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,  # type: ignore[arg-type]  # it takes fractions, its annotation does not say so
        connect_timeout=3,
        ping_interval=10,
        error_cb=connection.heard_error,
        disconnected_cb=connection.was_lost,
        reconnected_cb=connection.is_back,
        closed_cb=connection.is_gone,
        skip_subject_validation=True,
    )
    connection.up.set()
