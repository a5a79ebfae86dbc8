"""Run the maintenance service: `python -m services.maintenance`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.maintenance import CleanActivity, CleanClaims, CleanFiles, CleanInbox, CleanSessions
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
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


@asynccontextmanager
async def handlers(settings: MaintenanceSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Choose every real dependency of the service's handlers."""
    metrics = CleanupMetrics(["sessions", "activity", "files", "claims", "inbox"])
    context.metrics.registry.register(metrics)
    runs = CleanupRuns(context.database, metrics)
    yield {
        "cron.cleanup.daily": enqueue_cleanups,
        CleanSessions: partial(clean_sessions, runs=runs, settings=settings),
        CleanActivity: partial(clean_activity, runs=runs, settings=settings),
        CleanFiles: partial(clean_files, objects=context.objects, runs=runs, settings=settings),
        CleanClaims: partial(clean_claims, objects=context.objects, runs=runs, settings=settings),
        CleanInbox: partial(clean_inbox, runs=runs, settings=settings),
    }


if __name__ == "__main__":
    sys.exit(run("maintenance", MaintenanceSettings, handlers))
