"""The reference of `bench.gateway` and `bench.uploads`: the gateway's own server with routes that do nothing."""

import asyncio
import os
import sys

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nightshift.config.settings import load
from nightshift.gateway.problems import Problem
from nightshift.heartbeat import Heartbeat
from nightshift.http.connection_limits import ConnectionLimits
from nightshift.http.server import listen, protocol_config, serve_http
from nightshift.worker import gc_tuning
from services.gateway.settings import FileGatewaySettings

ANSWER = b'{"job":{"id":"0","type":"email.send","subject":"jobs.email.send","stream":"EMAIL","sequence":1}}'


async def answer(request: Request) -> Response:
    """Read the body, and answer as the gateway does."""
    await request.body()
    return Response(ANSWER, status_code=202, media_type="application/json")


async def swallow(request: Request) -> Response:
    """Read a body of any size piece by piece, and answer."""
    async for _ in request.stream():
        pass
    return Response(ANSWER, status_code=202, media_type="application/json")


async def serve() -> None:
    """Serve at the address of the gateway's settings until it is killed."""
    settings = load(FileGatewaySettings, os.environ)
    routes = [Route("/bare", answer, methods=["POST"]), Route("/swallow", swallow, methods=["POST"])]
    app = Starlette(routes=routes)
    config = protocol_config(app, ConnectionLimits(), Problem, drain_seconds=0)
    gc_tuning.freeze()
    await serve_http(
        [listen(settings.gateway_host, settings.gateway_port, variables="GATEWAY")],
        config,
        asyncio.Event(),
        Heartbeat(lambda: 0.0),
    )


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
