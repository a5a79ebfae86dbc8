"""The check of a gateway, where the settings name one: whether it answers those who call it."""

import asyncio
import http.client
from urllib.parse import urlsplit

from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, warning

_SECONDS = 5.0


async def gateway(context: Context) -> list[Finding]:
    """Ask the gateway for its own description, which needs no key, nor broker, nor database."""
    url = context.settings.gateway_url
    if url is None:
        return []
    try:
        status = await asyncio.to_thread(_status, url)
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        return [warning("gateway", f"{url} does not answer: {why}", "start it, or look at its log; check GATEWAY_URL")]
    if status != http.HTTPStatus.OK:
        text = f"{url} answers {status} to GET /openapi.json"
        return [warning("gateway", text, "look at its log; check that GATEWAY_URL is the gateway's address")]
    return [ok("gateway", f"{url} answers")]


def _status(url: str) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/openapi.json")
        return connection.getresponse().status
    finally:
        connection.close()
