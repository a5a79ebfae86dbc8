"""The sync service: its handlers, and the real dependencies of them."""

from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from urllib.request import getproxies

from nightshift import Service, ServiceContext
from nightshift.observability.log import get_logger
from schema.account_keys import AccountKeys
from services.sync import connectors as all_connectors
from services.sync.connector import Connectors
from services.sync.connectors.feed import FeedConnector
from services.sync.connectors.github import GitHubConnector
from services.sync.fan_out import sync_all, sync_due
from services.sync.handlers import sync_external
from services.sync.http.http_client import Web
from services.sync.metrics import SyncMetrics
from services.sync.settings import SyncSettings

_log = get_logger("sync")
sync = Service("sync", settings=SyncSettings)
sync.handler(sync_external)
sync.handler(sync_all)
sync.event("sync.all")(sync_due)
for connector in (GitHubConnector, FeedConnector):
    sync.event(f"sync.{connector.name}")(partial(sync_due, service=connector.name))


@sync.resource
async def web(settings: SyncSettings) -> AsyncIterator[Web]:
    """The way to what others serve."""
    ignored = sorted(getproxies().keys() & {"http", "https", "all"}) if settings.sync_proxy is None else []
    if ignored:
        names = ", ".join(f"{name.upper()}_PROXY" for name in ignored)
        _log.warning("proxy_ignored", f"{names} in the environment is not used; set SYNC_PROXY to use a proxy")
    opened = Web.open(
        allow_private=settings.sync_allow_private_addresses,
        max_bytes=settings.sync_max_page_bytes,
        timeout_seconds=settings.sync_request_timeout_seconds,
        connections=settings.slots,
        proxy=settings.sync_proxy,
    )
    yield opened
    await opened.close()


@sync.resource
def connectors(settings: SyncSettings, web: Web) -> Connectors:
    """All connectors, by the service's name in jobs and accounts."""
    return all_connectors.connectors(settings, web)


@sync.resource
def services(connectors: Connectors) -> Collection[str]:
    """The names of the external services."""
    return connectors.keys()


@sync.resource
def metrics(connectors: Connectors, context: ServiceContext) -> SyncMetrics:
    """Counts what was synced."""
    made = SyncMetrics(connectors)
    context.metrics.registry.register(made)
    return made


@sync.resource
def run_seconds(settings: SyncSettings) -> float:
    """How long one job goes on with an account."""
    return settings.sync_run_seconds


@sync.resource
def keys(settings: SyncSettings) -> Callable[[], AccountKeys]:
    """The keys of the accounts' credentials, read again whenever they are used."""
    return lambda: settings.keys
