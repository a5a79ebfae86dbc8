"""Opens the connection that the settings describe."""

import ssl

from shared.broker.connection import Connection
from shared.settings import ProcessSettings


async def connect(settings: ProcessSettings, *, name: str) -> Connection:
    """Connects, and waits for a broker that is away, saying so; reconnects for ever from then on."""
    connection = Connection()
    tls = ssl.create_default_context(cafile=str(settings.nats_ca_file)) if settings.nats_ca_file else None
    await connection.connect(
        settings.nats_servers,
        name=name,
        user=settings.nats_user,
        password=settings.nats_password.reveal() if settings.nats_password else None,
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
    return connection
