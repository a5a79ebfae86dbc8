"""What the routes of the gateway are built from."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from nightshift.broker import Connection
from nightshift.contract.catalogue import Catalogue
from nightshift.database import Database
from nightshift.gateway.auth.admission import Admission
from nightshift.gateway.intake import Intake
from nightshift.gateway.settings import GatewaySettings
from nightshift.gateway.webhooks.intake import WebhookIntake
from nightshift.instants import utc_now
from nightshift.messaging.job_watch import JobWatch
from nightshift.messaging.tracing import NO_TRACING, ServerTracing

if TYPE_CHECKING:
    from nightshift.objects.absent import AbsentObjectStore
    from nightshift.objects.s3 import S3ObjectStore


@dataclass(slots=True, frozen=True)
class GatewayContext:
    """The resources of the process; each area's `operations` takes from it what it needs."""

    settings: GatewaySettings
    catalogue: Catalogue
    connection: Connection
    """May be used before the broker is there: what is asked of it then raises `Unavailable`."""
    database: Database
    objects: "S3ObjectStore | AbsentObjectStore"
    admission: Admission
    watch: JobWatch
    """What workers tell of their jobs."""
    intake: Intake
    """Takes the messages of jobs: into the broker, or else into the outbox."""
    webhooks: WebhookIntake
    tracing: ServerTracing = NO_TRACING
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    """Where each area registers what it counts."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process begins to stop: streams that never end by themselves end then."""
    now: Callable[[], datetime] = utc_now
