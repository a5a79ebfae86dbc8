"""The maintenance service: its handlers, and the real dependencies of them."""

from collections.abc import AsyncIterator

from nightshift import Service, ServiceContext
from nightshift.database import Database
from nightshift.objects import ObjectTransfers
from nightshift.runtime.object_stores import object_transfers
from services.maintenance.cleanup_runs import CleanupRuns
from services.maintenance.handlers import (
    clean_activity,
    clean_claims,
    clean_files,
    clean_inbox,
    clean_sessions,
    enqueue_cleanups,
)
from services.maintenance.metrics import CleanupMetrics
from services.maintenance.settings import MaintenanceSettings

maintenance = Service("maintenance", settings=MaintenanceSettings)
maintenance.event("cleanup.daily")(enqueue_cleanups)
for cleanup in (clean_sessions, clean_activity, clean_files, clean_claims, clean_inbox):
    maintenance.handler(cleanup)


@maintenance.resource
def runs(database: Database, context: ServiceContext) -> CleanupRuns:
    """Records what cleanups did."""
    metrics = CleanupMetrics(["sessions", "activity", "files", "claims", "inbox"])
    context.metrics.registry.register(metrics)
    return CleanupRuns(database, metrics)


@maintenance.resource
async def transfers(settings: MaintenanceSettings) -> AsyncIterator[ObjectTransfers]:
    """The object store's side of uploads in parts."""
    opened = object_transfers(settings)
    yield opened
    await opened.close()
