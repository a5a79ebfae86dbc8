"""The connectors, one module per external service."""

from services.sync.connector import Connector, Connectors
from services.sync.connectors.feed import FeedConnector
from services.sync.connectors.github import GitHubConnector
from services.sync.http.http_client import Web
from services.sync.settings import SyncSettings


def connectors(settings: SyncSettings, web: Web) -> Connectors:
    """Create all connectors, by the service's name in jobs and accounts."""
    private = settings.sync_allow_private_addresses
    made: list[Connector] = [
        GitHubConnector(web, url=settings.github_url, token=settings.github_token, allow_plain=private),
        FeedConnector(web, allow_plain=private),
    ]
    return {connector.name: connector for connector in made}
