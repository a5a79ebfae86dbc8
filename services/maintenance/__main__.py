"""Run the maintenance service: `python -m services.maintenance`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.object_stores import object_transfers
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
from services.maintenance.cleanup_runs import CleanupRuns
from services.maintenance.handlers import cleanup_handlers
from services.maintenance.metrics import CleanupMetrics
from services.maintenance.settings import MaintenanceSettings


@asynccontextmanager
async def handlers(settings: MaintenanceSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Choose every real dependency of the service's handlers."""
    metrics = CleanupMetrics(["sessions", "activity", "files", "claims", "inbox"])
    context.metrics.registry.register(metrics)
    transfers = object_transfers(settings)
    try:
        yield cleanup_handlers(CleanupRuns(context.database, metrics), context.objects, transfers, settings)
    finally:
        await transfers.close()


if __name__ == "__main__":
    sys.exit(run("maintenance", MaintenanceSettings, handlers))
