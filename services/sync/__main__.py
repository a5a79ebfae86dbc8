"""Run the sync service: `python -m services.sync`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.request import getproxies

from contracts.sync import SyncAll, SyncExternal
from nightshift.observability.log import get_logger
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
from services.sync.connectors import connectors
from services.sync.fan_out import sync_all, sync_due
from services.sync.handlers import sync_external
from services.sync.http.http_client import Web
from services.sync.metrics import SyncMetrics
from services.sync.settings import SyncSettings

_log = get_logger("sync")


@asynccontextmanager
async def handlers(settings: SyncSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Bind the service's handlers to their real dependencies."""
    web = Web.open(
        allow_private=settings.sync_allow_private_addresses,
        max_bytes=settings.sync_max_page_bytes,
        timeout_seconds=settings.sync_request_timeout_seconds,
        connections=settings.slots,
        proxy=settings.sync_proxy,
    )
    ignored = sorted(getproxies().keys() & {"http", "https", "all"}) if settings.sync_proxy is None else []
    if ignored:
        names = ", ".join(f"{name.upper()}_PROXY" for name in ignored)
        _log.warning("proxy_ignored", f"{names} in the environment is not used; set SYNC_PROXY to use a proxy")
    known = connectors(settings, web)
    metrics = SyncMetrics(known)
    context.metrics.registry.register(metrics)
    external = partial(
        sync_external,
        database=context.database,
        connectors=known,
        metrics=metrics,
        run_seconds=settings.sync_run_seconds,
        keys=lambda: settings.keys,
    )
    try:
        yield {
            SyncExternal: external,
            SyncAll: partial(sync_all, database=context.database, services=known.keys()),
            "cron.sync.all": sync_due,
            **{f"cron.sync.{name}": partial(sync_due, service=name) for name in known},
        }
    finally:
        await web.close()


if __name__ == "__main__":
    sys.exit(run("sync", SyncSettings, handlers))
