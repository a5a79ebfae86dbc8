"""What the routes of the gateway are built from."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from nightshift.broker import Connection
from nightshift.contract.catalogue import Catalogue
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.objects.s3 import S3ObjectStore
from services.gateway.auth.admission import Admission
from services.gateway.settings import GatewaySettings


@dataclass(slots=True, frozen=True)
class GatewayContext:
    """The resources of the process; each area's `operations` takes from it what it needs."""

    settings: GatewaySettings
    catalogue: Catalogue
    connection: Connection
    """May be used before the broker is there: what is asked of it then raises `Unavailable`."""
    database: Database
    objects: S3ObjectStore
    admission: Admission
    publisher: Publisher
    """Gives up soon (`BROKER_SECONDS`): what the broker does not take in time goes into the outbox."""
    tracing: Tracing = NO_TRACING
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process begins to stop: streams that never end by themselves end then."""
    now: Callable[[], datetime] = utc_now


BROKER_SECONDS = 1.0
"""For the broker's acknowledgement, so that an answer comes within 2.5 s whatever is away."""
DATABASE_SECONDS = 1.0
"""For the outbox row instead."""
